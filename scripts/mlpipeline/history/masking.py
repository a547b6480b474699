"""Keep secrets out of what is stored: mask them, or leave out what is nothing else, and tell of each by name.

Reads small artifacts; writes none. The secret itself is never told.
"""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlpipeline.core.edits import Content
from mlpipeline.core.files import read_regular
from mlpipeline.core.records import Experiment, Incoming, ModelVersion, Record, Refusal, RegisteredModel
from mlpipeline.core.secrets import MASK, masked, masked_value

LARGEST_TEXT = 1024 * 1024
"""Bytes of an artifact that is searched; what people write, and what MLflow writes beside a model, is smaller."""

_MARK_IN_NAME = "masked"
"""Stands in the names of files, where `***` cannot on every system."""

_NAMED = ("metrics", "params", "tags", "request_metadata")
"""The folders of a record in which the names of files are names that people give."""

_NUMBERS = "metrics/"

_KEY_FILE = re.compile(
    r"\.?env(?:\..*|rc)?|.*\.env|id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:pem|key|ppk|ovpn)|\.(?:npmrc|pypirc|netrc|pgpass|boto)"
    r"|_netrc|\.git-credentials|\.htpasswd|\.?dockercfg|credentials(?:\.\w+)?|secrets?\.\w+|kaggle\.json",
    re.IGNORECASE,
)
"""Files that are there for the secrets in them: without these they are of no use."""


def without_secrets(incoming: Incoming, *, allowed: Collection[str] = ()) -> Incoming:
    """Mask the secrets of a source in names, texts and messages; leave out params, tags and files that are secrets.

    Args:
        incoming: what a source holds.
        allowed: names, as a refusal gives them, of what is no secret though it looks like one.
    """
    masking = _Masking(allowed=frozenset(allowed))
    records = tuple(each for record in incoming.records if (each := masking.record(record)))
    return replace(
        incoming,
        experiments=tuple(masking.experiment(each) for each in incoming.experiments),
        records=records,
        models=tuple(masking.registered_models(incoming.models)),
        refusals=(*(masking.refusal(each) for each in incoming.refusals), *masking.refusals),
        warnings=(*map(masked, incoming.warnings), *masking.warnings()),
    )


@dataclass(frozen=True, kw_only=True)
class _Owner:
    """Whose texts are looked at: as a person finds it, and its experiment's name."""

    where: str
    experiment: str = ""


@dataclass(kw_only=True)
class _Masking:
    """Gathers what is told of.

    Attributes:
        allowed: names of what is stored as it is.
        refusals: what is left out.
        masked: the owners of what is stored with a mark in it, by its name.
    """

    allowed: frozenset[str]
    refusals: list[Refusal] = field(default_factory=list)
    masked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def record(self, record: Record) -> Record | None:
        """Mask a record; none where its id is a secret, for the id is in every path."""
        experiment = self._name(record.experiment)
        if (shown := self._name(record.id, _MARK_IN_NAME, key="id")) != record.id:
            self._refuse(_Owner(where=f"{record.kind} {shown}", experiment=experiment), "id")
            return None
        owner = _Owner(where=f"{record.kind} {record.id}", experiment=experiment)
        files = self._files(owner, record.files)
        lost = {path for path in record.files if path.startswith("artifacts/") and path not in files}
        return replace(
            record,
            experiment=experiment,
            meta=self._meta(owner, record.meta),
            files=files,
            unread=frozenset(masked(path, _MARK_IN_NAME) for path in (*record.unread, *lost)),
            withheld=frozenset(_origins(record, record.files.keys() - files.keys())),
        )

    def experiment(self, experiment: Experiment) -> Experiment:
        """Mask an experiment, whose id in the history follows from the masked name."""
        name = self._name(experiment.name)
        owner = _Owner(where=f"experiment '{name}'", experiment=name)
        meta = self._meta(owner, experiment.meta)
        return replace(experiment, name=name, meta=meta, files=self._files(owner, experiment.files))

    def registered_models(self, models: Collection[RegisteredModel]) -> Iterator[RegisteredModel]:
        """Mask registered models; of two whose names are the same afterwards, neither is stored."""
        names = {model.name: self._name(model.name, _MARK_IN_NAME) for model in models}
        count = Counter(names.values())
        for model in models:
            name = names[model.name]
            owner = _Owner(where=f"registered model '{name}'")
            if name != model.name and count[name] > 1:
                self._refuse(owner, "name")
            else:
                yield self._registered_model(model, name, owner)

    def _registered_model(self, model: RegisteredModel, name: str, owner: _Owner) -> RegisteredModel:
        def version(each: ModelVersion) -> ModelVersion:
            inside = _Owner(where=f"version {each.number} of {owner.where}")
            return replace(each, meta=self._meta(inside, each.meta, name), files=self._files(inside, each.files))

        aliases = {self._name(alias, _MARK_IN_NAME, key="alias"): number for alias, number in model.aliases.items()}
        if aliases.keys() != model.aliases.keys():
            self.masked["alias"].append(owner.where)
        return replace(
            model,
            name=name,
            meta=self._meta(owner, model.meta, name),
            files=self._files(owner, model.files),
            aliases=aliases,
            versions=tuple(version(each) for each in model.versions),
        )

    def refusal(self, refusal: Refusal) -> Refusal:
        """Mask what a source refused."""
        return replace(
            refusal,
            where=masked(refusal.where),
            reason=masked(refusal.reason),
            experiment=self._name(refusal.experiment),
        )

    def warnings(self) -> Iterator[str]:
        """Say what is stored with a mark in it."""
        for name, owners in self.masked.items():
            shown = owners[0] if len(owners) == 1 else f"{owners[0]} and {len(owners) - 1} more"
            yield (
                f"{shown}: {name} holds what looks like a credential; it is stored with a mark in its place. "
                f"{_remedy(name)}"
            )

    def _name(self, name: str, mark: str = MASK, *, key: str = "name") -> str:
        return name if key in self.allowed else masked(name, mark)

    def _meta(self, owner: _Owner, meta: Mapping[str, object], name: str | None = None) -> Mapping[str, object]:
        """Mask a description; `name` is what a registered model is called now."""
        found = {masked(key): value if key in self.allowed else _masked_deep(key, value) for key, value in meta.items()}
        if name is not None and "name" in found:
            found["name"] = name
        changed = [key for key in found if key not in meta or found[key] != meta[key]]
        for key in changed:
            self.masked[key].append(owner.where)
        return found if changed else meta

    def _files(self, owner: _Owner, files: Mapping[str, Content]) -> dict[str, Content]:
        names = {path: self._path(path) for path in files}
        count = Counter(names.values())
        kept: dict[str, Content] = {}
        for path, name in names.items():
            if name != path and (path.partition("/")[0] not in _NAMED or count[name] > 1):
                self._refuse(owner, name)
                continue
            content = self._content(path, files[path])
            if content is None:
                self._refuse(owner, name)
                continue
            if name != path or content is not files[path]:
                self.masked[name].append(owner.where)
            kept[name] = content
        return kept

    def _path(self, path: str) -> str:
        name = masked(path, _MARK_IN_NAME)
        return path if name in self.allowed else name

    def _content(self, path: str, content: Content) -> Content | None:
        """Mask a file; none where nothing else would be left of it."""
        if path in self.allowed or path.startswith(_NUMBERS):
            return content
        top, _, name = path.partition("/")
        text = _text_of(content)
        if text is None:
            return content
        clean = masked_value(name, text.text) if top in _NAMED else masked(text.text)
        if clean == text.text:
            return content
        is_key_file = top == "artifacts" and _KEY_FILE.fullmatch(path.rpartition("/")[2])
        return None if is_key_file or clean.strip() == MASK else text.encoded(clean)

    def _refuse(self, owner: _Owner, name: str) -> None:
        reason = f"{name} looks like a credential, and was not stored."
        self.refusals.append(
            Refusal(where=owner.where, reason=reason, remedy=_remedy(name), experiment=owner.experiment)
        )


@dataclass(frozen=True, kw_only=True)
class _Text:
    """A text, and the encoding of the file that holds it."""

    text: str
    encoding: str

    def encoded(self, text: str) -> bytes:
        """Encode another text in the same way."""
        return text.encode(self.encoding, errors="surrogateescape")


def _text_of(content: Content) -> _Text | None:
    """Read the text of a file; none where it is large, binary or cannot be read (and then is told of elsewhere)."""
    if isinstance(content, Path):
        try:
            data = read_regular(content, largest=LARGEST_TEXT)
        except OSError:
            return None
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as PowerShell writes it
            encoding = "utf-16-le" if data[0] == 0xFF else "utf-16-be"
        elif b"\0" in data:
            return None
        else:
            encoding = "utf-8"
        try:
            return _Text(text=data.decode(encoding), encoding=encoding)
        except UnicodeDecodeError:
            return None
    return _Text(text=content.decode(errors="surrogateescape"), encoding="utf-8")


def _masked_deep(key: str, value: object) -> object:
    """Mask the texts in a value of a description, at any depth."""
    if isinstance(value, str):
        return masked_value(key, value)
    if isinstance(value, dict):
        return {
            masked(name) if isinstance(name, str) else name: _masked_deep(str(name), each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_masked_deep(key, each) for each in value]
    return value


def _origins(record: Record, paths: Collection[str]) -> Iterator[Path]:
    """Find the files on disk that a record's files were read from."""
    for path in paths:
        content = record.files[path]
        ending = f"/{record.id}/{path}"
        if isinstance(content, Path):
            yield content
        else:
            yield from (origin for origin in record.origins if origin.as_posix().endswith(ending))


def _remedy(name: str) -> str:
    return f"Revoke it if it is one; if it is none, --allow-secret {shlex.quote(name)} stores it."
