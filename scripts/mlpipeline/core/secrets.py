"""Find secrets in texts that are to be stored: the one place that knows how they look; pure, in linear time.

Three things tell a secret: a format that its issuer documents, a name beside it (`api_key`, `password=`), and its place
in an address or a header. What only looks random, such as a hash or an id, is none. Precision comes before
completeness: names of models and algorithms, tokenizers' tokens and words in the place of a secret pass.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

MASK = "***"

_MASK_IN_YAML = f"({MASK})"

_WINDOW = 64
"""Characters before a secret that are looked at for what it is a value of."""

Span = tuple[int, int]

_LONGEST_CACHED = 4096
"""Characters: what many runs hold alike (addresses, names, environments) is looked at once."""


def masked(text: str, mark: str = MASK) -> str:
    """Put a mark in the place of every secret in a text; doing it twice changes nothing."""
    return _masked_once(text, mark) if len(text) <= _LONGEST_CACHED else _masked(text, mark)


def masked_value(name: str, value: str) -> str:
    """Mask the value of a param, a tag or a key: all of it where the name says that it is a secret."""
    stripped = value.strip()
    if is_secret_under(name, stripped):
        return MASK
    return masked(value)


def is_secret_under(name: str, value: str) -> bool:
    """Tell whether a name says that a value is a secret, and the value can be one."""
    trust = _trust(name)
    return trust is not _Trust.NONE and _can_be_secret(value, trust, name)


@lru_cache(maxsize=16384)
def _masked_once(text: str, mark: str) -> str:
    return _masked(text, mark)


def _masked(text: str, mark: str) -> str:
    if len(text) < _SHORTEST_IN_TEXT:
        return text
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(_spans(text)):
        if start >= end:
            pieces += text[end:start], _mark_at(text, start, stop) if mark == MASK else mark
        end = max(end, stop)
    return "".join((*pieces, text[end:])) if pieces else text


def _mark_at(text: str, start: int, stop: int) -> str:
    """Choose the mark: where a value of YAML may begin, `***` would name an alias, and the file would not be YAML."""
    before = text[max(0, start - _WINDOW) : start]
    trimmed = before.rstrip(" \t\r\n")
    begins = not trimmed or trimmed[-1] in "[{," or "\n" in before[len(trimmed) :]
    if not begins and not (trimmed != before and trimmed[-1] in ":-?"):
        return MASK
    return MASK if stop - start == len(text.strip()) else _MASK_IN_YAML


def _spans(text: str) -> Iterator[Span]:
    lowered = text.replace("\u0130", "I").lower()  # of all letters this one alone grows, and would shift the others
    yield from _of_issuers(text)
    yield from _private_keys(text)
    yield from _in_addresses(text)
    yield from _in_queries(text)
    yield from _in_phrases(text, lowered)
    yield from _in_pairs(text, lowered)
    yield from _assigned(text, lowered)


# Formats of issuers


_MIXED = re.compile(r"(?=[^0-9]*[0-9])(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])")

_DIGIT_AND_LETTER = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])")


def _is_mixed(text: str) -> bool:
    return _MIXED.match(text) is not None


def _has_digit_and_letter(text: str) -> bool:
    return _DIGIT_AND_LETTER.match(text) is not None


def _is_key_behind_prefix(text: str) -> bool:
    """Tell a key from a name: `sk-gradient-boosting-classifier` is a model, and so is `sk-forest-2024-Version-2`."""
    pieces = re.split(r"[-_]", text.partition("-")[2])
    return any(len(piece) >= 20 and _is_mixed(piece) for piece in pieces) or any(
        re.fullmatch(r"[0-9a-f]{32,}", piece) for piece in pieces
    )


def _is_coded_private_key(text: str) -> bool:
    with_whole_groups = text[: min(len(text), 120) // 4 * 4]
    try:
        return b"PRIVATE KEY" in base64.b64decode(with_whole_groups)
    except binascii.Error:
        return False


@dataclass(frozen=True)
class _Format:
    """A format: what it must hold, for speed; the pattern; what else must be true of a match."""

    literal: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = bool

    def find(self, text: str) -> Iterator[Span]:
        """Find what has this form and does not go on from a letter or a digit."""
        for match in self.pattern.finditer(text):
            before = text[match.start() - 1 : match.start()]
            if not (before.isascii() and before.isalnum()) and self.holds(match[0]):
                yield match.span()


def _format(literal: str, pattern: str, holds: Callable[[str], bool] = bool) -> _Format:
    return _Format(literal, re.compile(pattern, re.ASCII), holds)


_AWS_IDS = frozenset(
    _format(start, rf"{start}[0-9A-Z]{{16}}(?![0-9A-Za-z])") for start in ("AKIA", "ASIA", "ABIA", "ACCA")
)

_AWS_KEY = re.compile(r"(?<![\w+/=])[A-Za-z0-9/+]{40}(?![\w+/=])", re.ASCII)

_FORMATS = (
    # Git hosts and registries of packages
    _format("gh", r"gh[pousr]_[A-Za-z0-9]{36,}"),
    _format("github_pat_", r"github_pat_\w{40,}"),
    _format("gl", r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[\w-]{20,}(?:\.[\w-]+)*"),
    _format("ATATT3", r"ATATT3[\w=-]{60,}"),
    _format("npm_", r"npm_[A-Za-z0-9]{36,}"),
    _format("pypi-", r"pypi-Ag[\w-]{50,}"),
    _format("rubygems_", r"rubygems_[0-9a-f]{48}"),
    _format("dckr_", r"dckr_[op]at_[\w-]{20,}"),
    # Clouds
    *_AWS_IDS,
    _format("AIza", r"AIza[\w-]{35}"),
    _format("GOCSPX-", r"GOCSPX-[\w-]{20,}"),
    _format("ya29.", r"ya29\.[\w-]{20,}"),
    _format("Q~", r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}"),
    _format("LTAI", r"LTAI[A-Za-z0-9]{16,24}(?![A-Za-z0-9])"),
    _format("_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _format(".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _format("hv", r"hv[sbr]\.[\w-]{24,}"),
    _format("dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    # Models and experiments
    _format("sk-", r"sk-[\w-]{20,}", _is_key_behind_prefix),
    _format("hf_", r"hf_[A-Za-z0-9]{30,}"),
    _format("api_org_", r"api_org_[A-Za-z0-9]{30,}"),
    _format("gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    _format("r8_", r"r8_[A-Za-z0-9]{37}"),
    _format("nvapi-", r"nvapi-[\w-]{40,}"),
    _format("xai-", r"xai-[A-Za-z0-9]{60,}"),
    _format("pplx-", r"pplx-[A-Za-z0-9]{40,}"),
    _format("pcsk_", r"pcsk_\w{40,}"),
    _format("lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _format("wandb_v1_", r"wandb_v1_\w{40,}"),
    _format("KGAT_", r"KGAT_[0-9a-f]{32}"),
    _format("eyJhcGlfYWRkcmVzcyI6", r"eyJhcGlfYWRkcmVzcyI6[\w+/=]{30,}"),  # Neptune: {"api_address":
    # Everything else that jobs talk to
    _format("xox", r"xox[abeoprs]-[\w-]{10,}"),
    _format("xapp-", r"xapp-\d-[\w-]{20,}"),
    _format("hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{20,}"),
    _format("/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{60,}"),
    _format("/webhookb2/", r"webhook\.office\.com/webhookb2/[\w@/-]{40,}"),
    _format(".", r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}", _is_mixed),  # a bot of Discord
    _format("_live_", r"[sr]k_live_[A-Za-z0-9]{16,}"),
    _format("_test_", r"[sr]k_test_[A-Za-z0-9]{16,}", _is_mixed),
    _format("whsec_", r"whsec_[\w+/=]{24,}"),
    _format("SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    _format("SK", r"SK[0-9a-f]{32}(?![0-9A-Za-z])"),
    _format("key-", r"(?<![\w-])key-[0-9a-f]{32}(?![0-9A-Za-z])"),
    _format("-us", r"[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    _format("glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    _format("glc_", r"glc_[\w+/=]{40,}"),
    _format("shp", r"shp(?:at|ca|pa|ss)_[0-9a-f]{32}"),
    _format("pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _format("lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    _format("ntn_", r"ntn_[A-Za-z0-9]{40,}"),
    _format("secret_", r"secret_[A-Za-z0-9]{43}(?![A-Za-z0-9])", _is_mixed),
    _format("figd_", r"figd_[\w-]{40,}"),
    _format("PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _format("sntry", r"sntry[su]_[\w+/=]{40,}"),
    _format("pnu_", r"pnu_[A-Za-z0-9]{36}"),
    _format("sbp_", r"sbp_[0-9a-f]{40}"),
    _format("AKCp", r"AKCp[A-Za-z0-9]{60,}"),
    _format("AGE-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    # Of no one issuer
    _format("eyJ", r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*(?:\.[\w-]+){0,2}"),
    _format("LS0tLS1CRUdJTi", r"LS0tLS1CRUdJTi[\w+/=]{40,}", _is_coded_private_key),
)
"""Formats that issuers document. No pattern looks at a character more than a few times, whatever the text."""

_TELEGRAM = re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])", re.ASCII)  # in an address, `bot` stands before it


_LONG_RUN = re.compile(r"[\w.~+/=:-]{20,}", re.ASCII)
"""What has one of the forms is at least as long; most of most texts is in shorter pieces."""


def _of_issuers(text: str) -> Iterator[Span]:
    runs = "\n".join(_LONG_RUN.findall(text))
    if not runs:
        return
    known = [each for each in _FORMATS if each.literal in runs and next(each.find(runs), None)]
    for each in known:
        yield from each.find(text)
    if ":AA" in runs:
        yield from (match.span() for match in _TELEGRAM.finditer(text))
    if not _AWS_IDS.isdisjoint(known):
        # The id is of no use without the key, which has no form of its own but is never far.
        yield from (match.span() for match in _AWS_KEY.finditer(text) if _is_mixed(match[0]))


_GAP = r"[\s\\]{1,44}"
"""A space, which YAML may have made the end of a line."""

_BEGIN = re.compile(rf"-----BEGIN(?:{_GAP}[A-Z0-9]{{1,12}}){{0,2}}{_GAP}PRIVATE{_GAP}KEY(?:{_GAP}BLOCK)?-----")

_END = re.compile(r"-----END[^-]{1,99}-----")


def _private_keys(text: str) -> Iterator[Span]:
    end = 0
    for begin in _BEGIN.finditer(text) if "PRIVATE" in text else ():
        if begin.start() >= end:
            closing = _END.search(text, begin.end())
            end = closing.end() if closing else len(text)
            yield begin.start(), end


# Addresses

_AUTHORITY = re.compile(r"""://(?P<rest>[^\s/"<>`]*[^\s'"<>`]*)""")
"""What follows `://`. A password may hold a raw `/`, `@` or quote; after the first `/` a quote ends the address."""

_PORT = re.compile(r"""\d{1,5}(?:[/?#,;'"]|$)""")

_NO_SECRET_USER = re.compile(r"(?:ssh|sftp|hdfs|viewfs|wasbs?|abfss?|gs|s3[an]?)$", re.IGNORECASE)
"""Schemes in which what stands alone before the @ is an account or a container."""

_ORACLE = re.compile(r"(?<=oracle:thin:)[\w.$-]{1,64}/(?P<secret>[^\s@\"'/]{3,})(?=@)")


def _in_addresses(text: str) -> Iterator[Span]:
    for found in _AUTHORITY.finditer(text) if "://" in text else ():
        login, mark, _ = found["rest"].rpartition("@")
        user, colon, password = login.partition(":")
        if not mark or re.search(r"[/'?]", user):
            continue
        is_login = (
            not _PORT.match(password) and not _is_placeholder(password)
            if colon
            else _is_token(text[max(0, found.start() - 8) : found.start()], user)
        )
        if is_login:
            yield found.start("rest"), found.start("rest") + len(login)
    if "oracle:thin:" in text:
        yield from (match.span("secret") for match in _ORACLE.finditer(text) if not _is_placeholder(match["secret"]))


def _is_token(scheme: str, user: str) -> bool:
    """Tell a token before the @ from the name of a person or an organisation."""
    if _NO_SECRET_USER.search(scheme) or _is_placeholder(user):
        return False
    return len(user) >= 20 or (len(user) >= 10 and _has_digit_and_letter(user))


_QUERY = re.compile(r"[?&#;](?P<name>[\w.~%+-]{1,64})=(?P<value>[^\s&\"'<>#)\\;]+)", re.ASCII)

_LOOSE = ("code", "hmac", "ticket", "session")
"""Names in a query, besides those that tell of a secret anywhere, which do so where the value looks like one."""


def _in_queries(text: str) -> Iterator[Span]:
    for found in _QUERY.finditer(text) if "=" in text else ():
        name, value = found["name"].lower(), found["value"]
        if len(value) >= 6 and not _is_placeholder(value) and _tells_secret(name, value):
            yield found.span("value")


def _tells_secret(name: str, value: str) -> bool:
    """Tell whether a parameter of a query is a secret, by its name."""
    trust = _trust(name)
    if trust > _Trust.WEAK or name in ("sig", "signature") or name.endswith("-signature"):
        return True
    is_loose = trust is _Trust.WEAK or name in _LOOSE
    return is_loose and _has_digit_and_letter(value) and (len(value) >= 16 or name == "token")


# Headers, commands, sentences

_PHRASES = {
    "bearer": r"bearer[ \t]{1,4}(?P<secret>[\w.~+/=-]{16,})",
    "authorization": r"""authorization["'\\]{0,8}\s{0,4}[:=]\s{0,4}["'\\]{0,8}"""
    r"(?:(?:basic|token|negotiate|apikey|bearer)[ \t]{1,4})?(?P<secret>[\w.~+/=-]{8,})",
    "basic": r"basic[ \t]{1,4}(?P<secret>[a-z0-9+/]{10,}={1,2})",
    "auth": r"""auth\s{0,4}=\s{0,4}\(\s{0,4}["']{1,2}[^"'\n]{1,64}["']{1,2}\s{0,4},\s{0,4}["']{1,2}"""
    r"""(?P<secret>[^"'\s]{3,})""",
    "token": r"token[ \t]{1,4}(?:(?:is|was)[ \t:]{1,4})?(?P<secret>(?=[a-z_-]{0,20}\d)[\w-]{20,})",
    "api": r"api[ _-]?key[ \t]{1,4}(?:(?:is|was)[ \t:]{1,4})?(?P<secret>(?=[a-z_-]{0,20}\d)[\w-]{20,})",
    "docker": r"docker[ \t]{1,4}login[^\n]{0,200}?[ \t](?:-p|--password)[ \t=]{1,4}(?P<secret>[^\s\"']{3,})",
    "mysql": r"mysql(?:dump)?[ \t][^\n]{0,200}?(?<=[ \t])-p(?P<secret>[^\s\"']{4,})",
    "cookie": r"""cookie["'\\]{0,8}[ \t]{0,4}[:=][ \t]{0,4}["'\\]{0,8}[\w.-]{1,64}=(?P<secret>[\w.~+/=%-]{12,})""",
    "curl": r"""curl[^\n]{0,200}?[ \t](?:-u|--user)[ \t=]{1,4}["']?[\w.@-]{0,64}:(?P<secret>[^\s"']{3,})""",
    "sshpass": r"""sshpass[ \t]{1,4}-p[ \t]{0,4}["']?(?P<secret>[^\s"']{3,})""",
    "login": r"login\s{1,8}[^\s]{1,128}\s{1,8}password\s{1,8}(?P<secret>\S{3,})",  # .netrc
    "password": r"""password[ \t]{1,4}(?:is|was)[ \t:]{1,4}["']?(?P<secret>[^\s"']{6,})""",
    "username": r"""username["']\s{0,4}:\s{0,4}["'][^"'\n]{0,99}["']\s{0,4},\s{0,4}["']key["']\s{0,4}:\s{0,4}"""
    r"""["'](?P<secret>[0-9a-f]{32})""",  # kaggle.json
}
"""Patterns by a word that each begins with, in small letters."""

_PHRASE = {word: re.compile(pattern) for word, pattern in _PHRASES.items()}


def _in_phrases(text: str, lowered: str) -> Iterator[Span]:
    for word, pattern in _PHRASE.items():
        for found in pattern.finditer(lowered) if word in lowered else ():
            value = text[slice(*found.span("secret"))].rstrip(".,:;!?)")
            is_word = value.replace("_", "").isalpha() and not _is_mixed_case(value)
            if not is_word and not _is_placeholder(value):
                yield found.span("secret")


_PAIRED = re.compile(
    r"""(?:name|key)["'\\]{0,8}\s{0,4}[:=]\s{0,4}["'\\]{0,8}(?P<name>[\w.-]{3,64})["'\\]{0,8},?(?:\s|\\{1,8}[nr]){0,40}"""
    r"""["'\\]{0,8}value["'\\]{0,8}\s{0,4}[:=]\s{0,4}["'\\]{0,8}(?P<secret>[^\s"'\\<>,}]{4,})""",
    re.IGNORECASE,
)
"""A name and a value as an object of two, as Kubernetes and Docker have variables."""


def _in_pairs(text: str, lowered: str) -> Iterator[Span]:
    for found in _PAIRED.finditer(text) if "value" in lowered else ():
        if is_secret_under(found["name"], found["secret"]):
            yield found.span("secret")


# Names beside values


class _Trust(IntEnum):
    """How much a name says of its value."""

    NONE = 0
    WEAK = 1
    """It is a secret if it looks random: a tokenizer has tokens too, and a dictionary keys."""
    GOOD = 2
    """It is a secret unless it is a word."""
    FULL = 3
    """It is a secret unless it stands in the place of one: people choose words for passwords."""


_ENDINGS = (
    (_Trust.FULL, ("password", "passwd", "passphrase", "passcode", "passwort", "pwd")),
    (
        _Trust.GOOD,
        (
            *("secret", "credential", "credentials", "apikey", "secretkey", "accesskey", "privatekey", "signingkey"),
            *("encryptionkey", "masterkey", "accountkey", "sharedkey", "storagekey", "subscriptionkey", "licensekey"),
            *("authtoken", "accesstoken", "refreshtoken", "bearertoken", "sessiontoken", "apitoken", "privatetoken"),
            *("deploytoken", "securitytoken", "hubtoken", "hftoken", "sastoken", "clienttoken"),
        ),
    ),
    (_Trust.WEAK, ("token",)),
)
"""Ends of names, without what stands between their words."""

_LAST_WORDS = frozenset(("pass", "key", "auth", "bearer", "jwt", "sas", "creds", "authorization", "pat", "cookie"))
"""Words that tell of a secret only if they are the last of a name, and the value looks random."""

_OTHER_KEYS = re.compile(
    r"cache|hash|primary|foreign|group|sort|partition|index|join|dict|object|blob|artifact|data|row|column|lookup|config"
    r"|metric|param|tag|name|idempotency|dedup|unique|natural|composite|random|p?rng|state|cluster|shard|routing"
    r"|registry|s3|bucket|model|dataset|experiment|run|trace|span|session"
)
"""What stands before `key` where it is one to data: its value may well be a hash."""

_OTHER_TOKENS = re.compile(
    r"pad|eos|bos|unk|sep|cls|mask|start|end|begin|image|video|audio|special|first|last|next|prev|page|pagination"
    r"|continuation|stop|boundary|prompt|completion|text|speech|think|delimiter"
)
"""What stands before `token` where it is one of a text, or of a page."""

_USERS = re.compile(r"|db|database|user|admin|root|my|smtp|mail|mysql|postgres|pg|redis|ftp|sudo|http|proxy|login")
"""What stands before `pass` where it is a password; elsewhere it is one of a loop or of a network."""

_SUFFIXES = re.compile(r"\d+|prod(?:uction)?|dev(?:elopment)?|stag(?:e|ing)|test|old|new|val(?:ue)?|v|raw|plain")

_PLURAL = re.compile(r"(?:password|passphrase|secret|token|key)s")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_SHORTEST = 4

_SHORTEST_IN_TEXT = 8


@lru_cache(maxsize=16384)
def _trust(name: str) -> _Trust:
    words = [word.lower() for word in _WORD.findall(name[-128:])]
    while len(words) > 1 and _SUFFIXES.fullmatch(words[-1]):
        words.pop()
    if words and _PLURAL.fullmatch(words[-1]):
        words[-1] = words[-1][:-1]
    if not words or "public" in words:
        return _Trust.NONE
    flat, last, before = "".join(words), words[-1], words[-2] if len(words) > 1 else ""
    if (last == "token" and _OTHER_TOKENS.fullmatch(before)) or (last == "key" and _OTHER_KEYS.fullmatch(before)):
        return _Trust.NONE
    if last in ("pass", "pw") and _USERS.fullmatch(before):
        return _Trust.FULL
    for trust, endings in _ENDINGS:
        if flat.endswith(endings):
            return trust
    return _Trust.WEAK if last in _LAST_WORDS else _Trust.NONE


_PLACE = re.compile(
    r"[\s*•x.#_?-]*|(.)\1*|<.*>|\[.*\]|\{.*\}|%\w+%|.*\{\w*\}.*|.*\{\{.*\}\}.*|\$\(.*\)|(?-i:\$[A-Z_][A-Z0-9_]*)"
    r"|.*\*{3}.*|.*\.{3}.*|%\(?\w*\)?[sdr]?"
    r"|os\.(?:environ|getenv).*|(?:env|file|vault|secrets?|ssm|op|arn|keyring|projects)[:/].*"
    r"|(?:~|\.\.?|/(?:run|var|etc|home|mnt|opt|secrets|root|users|tmp|workspace|data))(?:/.*)?|[a-z]:\\.*"
    r"|(?:not|un|in)?[-_ ]?(?:set|given|used|needed|required|valid|defined|available)|(?:dis|en)abled|optional|redacted"
    r"|(?:change|replace)[-_ ]?(?:me|this|it)|(?:your|enter|insert|put)[-_ ].*|placeholder|undefined|unknown"
    r"|masked|hidden|default|dummy|example|none|null|nil|true|false|yes|no|on|off|auto|nan|inf|n/?a|tbd|todo"
    r"|str(?:ing)?|bytes|int(?:eger)?|float|bool(?:ean)?|any|object|text|optional|secretstr|value|data|input|getpass|argv?"
    r"|basic|bearer|oauth2?|oidc|jwt|saml|kerberos|digest|token",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
"""What stands in the place of a secret: a word for it or for its kind, a mask, or where it is kept."""

_NAMES_ONE = re.compile(
    r"(?:[a-z][a-z0-9]*[_. ]){0,6}(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api[-_]?)?key|credentials?|auth)"
    r"(?:[-_](?:id|name|here|file|path|env|var))?",
    re.IGNORECASE,
)
"""The name of a secret, as code and settings have it: `OPENAI_API_KEY`, `self.password`, `gateway_secret`."""

_NUMBER = re.compile(r"[+-]?\d*\.?\d*(?:e[+-]?\d+)?", re.IGNORECASE | re.ASCII)

_VERSIONED = re.compile(r"[A-Za-z]+(?:[-_./ ][A-Za-z]+)*[-_./ ]?v?\d{0,6}(?:[-_.]\d{1,4}){0,4}[A-Za-z]?", re.ASCII)
"""A word, or several, perhaps with a version: `bert-base-uncased`, `extra_id_0`, `gpt-4`."""

_SCHEME = re.compile(r"(?:basic|bearer|token)[ \t]+", re.IGNORECASE)

_TELLING = re.compile(r"(?=[\w-]*(?:secret|token|passw|key))[A-Za-z_-]{4,64}\d{3,64}", re.IGNORECASE | re.ASCII)
"""`my-secret-token-123`: what people make up for a secret."""

_FILE = re.compile(r"(?:[\w.=@-]+/)+[\w.=@-]+\.[a-z]\w{0,7}", re.ASCII)

_DATED = re.compile(r"\d{4}-\d\d-\d\d\S*", re.ASCII)


def _is_placeholder(value: str) -> bool:
    if len(value) > 200:
        return MASK in value
    return bool(_PLACE.fullmatch(value) or _NAMES_ONE.fullmatch(value))


def _is_mixed_case(text: str) -> bool:
    """Tell random characters from `namesInCamelCase`: their case changes all the time."""
    return len(text) >= 20 and text.isalnum() and len(_WORD.findall(text)) * 4 > len(text)


@lru_cache(maxsize=4096)
def _can_be_secret(value: str, trust: _Trust, name: str) -> bool:
    cannot_be_random = trust is _Trust.WEAK and not (value.isalnum() or re.search(r"\d", value))
    value = _SCHEME.sub("", value)
    if cannot_be_random or len(value) < _SHORTEST or _is_placeholder(value) or value.lower() in name.lower():
        return False
    has_spaces = re.search(r"\s", value) is not None
    match trust:
        case _Trust.FULL:
            is_short_number = len(value) < 6 and _NUMBER.fullmatch(value)
            is_about_passing = value.isalpha() and name.lower() == "pass"
            return not (is_short_number or is_about_passing) and (not has_spaces or "passphrase" in name.lower())
        case _Trust.GOOD if value.isdecimal():
            return len(value) >= 10
        case _ if has_spaces or any(pattern.fullmatch(value) for pattern in (_NUMBER, _DATED, _FILE)):
            return False
        case _Trust.GOOD:
            return len(value) >= 8 and (not _is_words(value) or _is_broken(value) or _is_telling(value))
        case _:
            return (_looks_random(value) and (len(value) >= 16 or not name.lower().endswith("key"))) or _is_telling(
                value
            )


def _is_telling(value: str) -> bool:
    return _TELLING.fullmatch(value) is not None


def _is_words(value: str) -> bool:
    return len(value) < 40 and _VERSIONED.fullmatch(value) is not None


def _is_broken(value: str) -> bool:
    """Tell whether a text is one piece that no word is: long, or with digits among letters, or many at its end."""
    return value.isalnum() and (len(value) >= 16 or re.search(r"\d[A-Za-z]|\d{4}$", value) is not None)


def _looks_random(value: str) -> bool:
    if re.search(r"[<>\[\]{}|()]", value) or "://" in value or not value.isascii():
        return False
    if len(value) >= 8 and _has_digit_and_letter(value) and re.search(r"\d[A-Za-z]|[!@%^&+=~]", value):
        return not _VERSIONED.fullmatch(value)
    return _is_mixed_case(value) or (
        len(value) >= 24 and not _VERSIONED.fullmatch(value) and _has_digit_and_letter(value)
    )


_FOLD = r"(?:\\\r?\n[ \t]{0,40}\\?)?"
"""Where YAML folds a text in double quotes over two lines."""

_QUOTE = r"\\{0,32}(?:''|[\"'])?"
"""A quote; in a text inside a text behind backslashes, in one of YAML doubled."""

_KEYWORDS = ("pass", "pwd", "secret", "token", "key", "cred", "auth", "bearer", "jwt", "_pw", "_pat")
"""Each name that tells of a secret holds one."""

_ASSIGNMENT = {
    keyword: re.compile(
        rf"{keyword}(?P<name>[a-z0-9_-]{{0,24}})"
        rf"(?:(?P<end>{_QUOTE})[ \t]{{0,4}}(?P<sign>=>|:=|[:=](?!=))(?P<gap>[ \t]{{0,4}}){_FOLD}"
        rf"|(?P<flag>[ \t]{{1,4}})|(?P<tag>>))"
        rf"{_QUOTE}{_FOLD}(?P<value>[^\s\"'\\;&<>])"
    )
    for keyword in _KEYWORDS
}

_BARE = re.compile(r"(?:[^\s\"'`;&<>\\]|\\(?![nrt\"'\\]))*")

_QUOTED = {
    ('"', False): re.compile(r'(?:[^"\\\n]|\\.)*'),
    ("'", False): re.compile(r"(?:[^'\\\n]|\\.)*"),
    ('"', True): re.compile(r'[^"\\\n]*'),
    ("'", True): re.compile(r"[^'\\\n]*"),
}
"""The inside of a text in quotes, by the quote and whether a backslash stands before it."""

_FIRST = 128
"""Characters of a value by which it is judged; of one that is a secret, all are masked."""

_NAME_BACKWARDS = re.compile(r"[A-Za-z0-9_.-]{0,64}", re.ASCII)

_NEXT_NAME = re.compile(r",(?=[\w.$-]*[:=])", re.ASCII)

_OPENING = {")": "(", "]": "[", "}": "{"}

_CODE = re.compile(r"[A-Za-z_$][\w$.]*[(\[]|[A-Za-z_$]+\d?(?:\.[A-Za-z_$]+\d?)+$|[!{(\[]", re.ASCII)
"""A call, an attribute, or what is a list of more: no value."""


def _assigned(text: str, lowered: str) -> Iterator[Span]:
    """Find values that follow the name of a secret: `name=value`, `"name": "value"`, `--name value`, `<name>value`."""
    for keyword, pattern in _ASSIGNMENT.items():
        found = pattern.search(lowered) if keyword in lowered else None
        while found:
            span = _assigned_secret(text, found)
            if span:
                yield span
            # What is no secret may hold the next name.
            found = pattern.search(lowered, span[1] if span else found.end())


def _assigned_secret(text: str, found: re.Match[str]) -> Span | None:
    backwards = _NAME_BACKWARDS.match(text[max(0, found.start() - 64) : found.start()][::-1])
    before = backwards[0][::-1] if backwards else ""
    name = before + text[found.start() : found.end("name")]
    trust = _trust(name)
    if trust is _Trust.NONE:
        return None
    start = found.start("value")
    inside = _QUOTED.get((text[start - 1], text[start - 2] == "\\"), _BARE)
    whole = inside.match(text, start, start + _FIRST)
    value = whole[0] if whole else ""
    if inside is _BARE:
        value = _without_end_of_list(_NEXT_NAME.split(value, maxsplit=1)[0])
        can_be = _is_bare_value(found, value, text[start + len(value) :][:1])
    else:
        can_be = value[0] not in ",)]}" and not (value.isalpha() and value.istitle())
    if found["flag"]:
        can_be = before.startswith("-") and not value.startswith("-")
    if not can_be or not _can_be_secret(value, trust, name):
        return None
    rest = inside.match(text, start) if len(value) == _FIRST else None
    return start, rest.end() if rest else start + len(value)


def _without_end_of_list(value: str) -> str:
    """Take off what ends a list or a sentence, and no bracket that belongs to the value."""
    value = value.rstrip(",.:")
    while value[-1:] in _OPENING and _OPENING[value[-1]] not in value:
        value = value[:-1].rstrip(",.:")
    return value


def _is_bare_value(found: re.Match[str], value: str, after: str) -> bool:
    """Tell a value without quotes from code and prose."""
    if found["tag"]:
        return after == "<"
    if _CODE.match(value) or after in ("(", "[") or (found["end"] and _NUMBER.fullmatch(value)):
        return False
    is_random = (value.isupper() and value.isalpha() and len(value) >= 16) or _is_mixed_case(value)
    if is_random or not re.sub(r"[_-]", "", value).isalpha():
        return True
    # A word is a value in `host=db password=word` and `password: word`, and in code the name of a variable.
    in_list = found["sign"] == "=" and not found["gap"] and after in ("", *"\n\r \t;&\"'\\")
    on_line = found["sign"] == ":" and found["gap"] == " " and after in ("", *"\n\r\"'\\")
    return value.islower() and (in_list or on_line)
