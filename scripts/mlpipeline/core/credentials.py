"""Hide logins in what is shown; pure, in linear time.

What is shown may be hidden more freely than what is stored (`core/secrets.py`, which knows how secrets look): of an
address every login and every query goes, whatever they hold.
"""

import re

from mlpipeline.core.secrets import MASK, masked

_AUTHORITY = re.compile(r"""://([^\s/"<>]*[^\s'"<>]*)""")
"""What follows `://`.

A password may hold raw @, / and : of its own. A quote may belong to a password as well (RFC 3986, userinfo), but after
the first / it is taken for the end of a quoted address.
"""

_NO_SECRET_USER = re.compile(r"(?:ssh|sftp|hdfs|viewfs|wasbs?|abfss?)$", re.IGNORECASE)
"""Schemes in which what stands before the @ is no secret: accounts of machines, and containers of Azure."""

_PIECE = re.compile(r"[^\s'\"]+")

_QUERY = re.compile(r"(?<=.)\?[\w.~%+-]+=")

_HEADER = re.compile(
    r"""((?:proxy-)?authorization['"]?\s*[:=]\s*['"]?)(?:(?:basic|bearer|token|negotiate)\s+)?[^\s'"]+""", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """Mask what may be a login in a URI, or in prose of git, an HTTP library or a database that holds URIs.

    Masked are the user and password of a URI (the user alone, too, because it may be a token; but not a user of ssh,
    nor of the form `git@host:path`, nor a container of Azure), its query, the value of an Authorization header, and
    what else is known for a secret.
    """
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _AUTHORITY.sub(_without_login, text)
    return masked(_PIECE.sub(_without_query, text))


def _without_login(match: re.Match[str]) -> str:
    login, mark, rest = match[1].rpartition("@")
    scheme = match.string[max(0, match.start() - 8) : match.start()]
    if not mark or (_NO_SECRET_USER.search(scheme) and re.fullmatch(r"[\w.$-]+", login)):
        return match[0]
    return f"://{MASK}@{rest}"


def _without_query(match: re.Match[str]) -> str:
    """Mask what follows a question mark: in an address anything, after a path `name=`; any other is of a sentence."""
    before, mark, query = match[0].partition("?")
    if "://" not in before:
        found = _QUERY.search(match[0])
        before, query = (match[0][: found.start()], match[0][found.start() + 1 :]) if found else ("", "")
    shown = query.partition(")")[1:]
    return f"{before}?{MASK}{''.join(shown)}" if mark and query and not query.startswith(")") else match[0]
