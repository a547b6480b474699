"""Decide what of a source may be stored. What may not is refused by name and stays where it is.

Looks at the sizes of files; reads and writes none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlpipeline.core.credentials import holds_password, without_passwords
from mlpipeline.core.edits import Content
from mlpipeline.core.records import Incoming, Kind, Record, Refusal

LARGEST_FILE = 100 * 1024 * 1024
"""Bytes: GitHub blocks a push that holds a larger file."""

LARGE_FILE = 50 * 1024 * 1024
"""Bytes: GitHub warns of a larger file.

Both: https://docs.github.com/repositories/working-with-files/managing-large-files/about-large-files-on-github
"""

_TOKEN = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,}|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|hf_[A-Za-z0-9]{30,}|AIza[\w-]{35})|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""Formats that the issuers of credentials document: GitHub, GitLab, AWS, Slack, OpenAI, Hugging Face, Google, PEM."""

_SECRET_NAME = re.compile(
    r"(?:password|passwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key)$",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 8

_UNFIT_NAME = re.compile(
    r'.*[<>:"|?*\\\x00-\x1f].*|.*[. ]|(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?', re.IGNORECASE | re.DOTALL
)
"""Names that Windows has no file for: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

_SCANNED = ("params/", "tags/", "request_metadata/")


def storable(incoming: Incoming) -> Incoming:
    """Leave out of `incoming` what cannot or must not be pushed, each refused by name.

    A file over GitHub's limit keeps its record out, a run together with its logged model: without it, it would look
    like a run that never had one. A param or tag that looks like a credential is left out of its record; a password
    in an address is masked.
    """
    check = _Check()
    for record in incoming.records:
        check.sizes(record)
        check.names(record)
    admitted: dict[tuple[Kind, str], Record] = {}
    for record in incoming.records:
        if _owners(record) & check.too_large:
            continue
        if (record.kind, record.id) in admitted:
            check.refuse(record, f"is in a second experiment, '{record.experiment}', too; that copy was left out.")
        else:
            admitted[record.kind, record.id] = check.without_credentials(record)
    return replace(
        incoming,
        records=tuple(admitted.values()),
        refusals=(*incoming.refusals, *check.refusals),
        warnings=(*incoming.warnings, *check.warnings),
    )


@dataclass
class _Check:
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    too_large: set[object] = field(default_factory=set)

    def sizes(self, record: Record) -> None:
        for path, size in _file_sizes(record):
            if size > LARGEST_FILE:
                self.too_large |= _owners(record)
                self.refuse(
                    record,
                    f"{path} has {_mebibytes(size)}; GitHub blocks files over 100 MiB, so the run was not stored.",
                    remedy="Train a smaller model, log it compressed, or keep that file out of the run.",
                )
            elif size > LARGE_FILE:
                self.warnings.append(
                    f"{record.kind} {record.id}: {path} has {_mebibytes(size)}; GitHub blocks at 100 MiB."
                )

    def names(self, record: Record) -> None:
        """Warn of names that a checkout on another system cannot hold; Git then fails to check out the whole branch."""
        unfit = [path for path in record.files if any(map(_UNFIT_NAME.fullmatch, path.split("/")))]
        if unfit:
            self.warnings.append(f"{record.kind} {record.id}: {unfit[0]!r} is a name that Windows cannot check out.")
        folded: dict[str, str] = {}
        for path in record.files:
            other = folded.setdefault(path.casefold(), path)
            if other != path:
                what = f"{other!r} and {path!r} differ by case alone; Windows and macOS keep one of them"
                self.warnings.append(f"{record.kind} {record.id}: {what}.")
                break

    def without_credentials(self, record: Record) -> Record:
        files: dict[str, Content] = {}
        for path, content in record.files.items():
            if not path.startswith(_SCANNED) or not isinstance(content, bytes):
                files[path] = content
                continue
            text = content.decode(errors="surrogateescape")
            if _is_credential(path, text):
                self.refuse(
                    record, f"{path} looks like a credential, and was not stored.", remedy="Revoke it if it is one."
                )
            elif holds_password(text):
                files[path] = without_passwords(text).encode(errors="surrogateescape")
                self.warnings.append(f"{record.kind} {record.id}: {path} holds a password in an address; it is masked.")
            else:
                files[path] = content
        return replace(record, files=files)

    def refuse(self, record: Record, reason: str, *, remedy: str = "") -> None:
        self.refusals.append(
            Refusal(where=f"{record.kind} {record.id}", reason=reason, remedy=remedy, experiment=record.experiment)
        )


def _is_credential(path: str, text: str) -> bool:
    value = text.strip()
    named = _SECRET_NAME.search(path) and len(value) >= _SHORTEST_SECRET and not re.search(r"[\s*]", value)
    return bool(_TOKEN.search(text) or named)


def _file_sizes(record: Record) -> Iterator[tuple[str, int]]:
    for path, content in record.files.items():
        if isinstance(content, Path):
            yield path, content.stat().st_size


def _owners(record: Record) -> set[object]:
    """Name a record's own id and, of a logged model, that of its run."""
    return {record.id, record.meta.get("source_run_id") or record.id}


def _mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
