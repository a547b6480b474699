"""Hide logins in what is shown: the one place that decides what of a text may be a credential; pure."""

import re

MASK = "***"

# Up to the last @ before a space or the end: a password may hold raw @, / and : of its own. A quote may belong to a
# password as well (RFC 3986, userinfo), but after the first / it is taken for the end of a quoted address. A user
# without a password is shown where it names an account or a container and is no secret; elsewhere it may be a token.
_LOGIN = re.compile(r"""(?<=://)[^\s/"<>]*[^\s'"<>]*@""")

_NO_SECRET_USER = re.compile(r"(?:ssh|sftp|hdfs|viewfs|wasbs?|abfss?)://$", re.IGNORECASE)
"""Schemes in which what stands before the @ is no secret: accounts of machines, and containers of Azure."""

_QUERY = re.compile(r"""(://[^\s'"?]*)\?[^\s'")]+|(?<=\S)\?[\w.~%+-]+=[^\s'")]*""")
"""What follows a question mark: in an address anything, after a path `name=`; any other is one of a sentence."""

_USER_AND_PASSWORD = re.compile(r"""(?<=://)[^\s/"<>:@]*:[^\s/"<>]+(?=@)""")

_HEADER = re.compile(
    r"""((?:proxy-)?authorization['"]?\s*[:=]\s*['"]?)(?:(?:basic|bearer|token|negotiate)\s+)?[^\s'"]+""", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """Mask what may be a login in a URI, or in prose of git, an HTTP library or a database that holds URIs.

    Masked are the user and password of a URI (the user alone, too, because it may be a token; but not a user of ssh,
    nor of the form `git@host:path`, nor a container of Azure), its query, and the value of an Authorization header.
    """
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _LOGIN.sub(_mask_login, text)
    return _QUERY.sub(lambda match: f"{match[1] or ''}?{MASK}", text)


def without_passwords(text: str) -> str:
    """Mask `user:password` in the addresses of a text that is stored, and change nothing else in it."""
    return _USER_AND_PASSWORD.sub(MASK, text)


def holds_password(text: str) -> bool:
    """Whether an address in a text holds a password."""
    return _USER_AND_PASSWORD.search(text) is not None


def _mask_login(match: re.Match[str]) -> str:
    is_shown = _NO_SECRET_USER.search(match.string[: match.start()]) and re.fullmatch(r"[\w.$-]+@", match[0])
    return match[0] if is_shown else f"{MASK}@"
