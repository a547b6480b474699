"""Judge names that become files of a Git repository, and write them so that every checkout can hold them; pure.

The one gate for whatever a run, a server or a branch names. Two kinds of names are not taken as they are:

- a path that Git refuses to check out, or that leads out of its folder, is no file's (`fault`);
- a name that Git acts on, or that Windows or macOS take for another, is escaped (`escaped`): each character that makes
  it special becomes `_xHHHH_`, its code point in hexadecimal, as in Office Open XML (ISO/IEC 29500-1, 22.9.2.19).
  Unlike percent-encoding, MLflow takes that for a name and decodes no part of it.

Sources: Git's path.c, utf8.c and fsck.c; https://learn.microsoft.com/windows/win32/fileio/naming-a-file; PATH_MAX and
NAME_MAX of macOS.
"""

import re
from functools import lru_cache

LONGEST_NAME = 255
"""Bytes of one name that every file system takes."""

LONGEST_PATH = 1023
"""Bytes of a path that every system takes: macOS, the strictest, ends it with a NUL (PATH_MAX)."""

LONGEST_INNER = LONGEST_PATH - 320
"""Bytes of a path inside a run or what is like it; the folder before it is longest where its id has 256."""

LONGEST_ON_LINUX = 4095
"""Bytes of a path that some system can check out."""

_OVERLOOKED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""Characters that HFS+ overlooks in names."""

_GITS = re.compile(r"(?:\.git|git~1)[. ]*(?::.*)?", re.IGNORECASE | re.ASCII | re.DOTALL)

_HASHED = ("gi7eba", "gi7d29", "gi250a", "maba30")
"""How NTFS names the files on which Git acts where it has no shorter name left: letters of a hash, then a number."""

_ACTING = re.compile(
    r"(?:\.(?:gitmodules|gitattributes|gitignore|mailmap|lfsconfig)|(?:gitmod|gitatt|gitign|mailma|lfscon)~[1-4]|"
    + "|".join(dict.fromkeys(f"{name[:kept]}~[1-9][0-9]{{{6 - kept}}}" for name in _HASHED for kept in range(7)))
    + r")[. ]*(?::.*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""Names of files that Git or Git LFS act on wherever they lie, and how NTFS disguises them."""

_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?: *\..*)?", re.IGNORECASE | re.DOTALL)
"""Names that are devices on Windows, with any ending."""

_SPECIAL = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ud800-\udfff]|[. ]\Z")
"""Control characters, line breaks, marks that turn the direction of text, bytes that are no UTF-8, the separator of
Windows, and the dot or space that it drops from the end of a name."""

_UNFIT_FOR_WINDOWS = re.compile(r'[<>:"|?*]')

_REMEMBERED = 1 << 16
"""Names whose judgement is kept: a history has hundreds of thousands of paths, and few names in them."""

_SHORT = 200
"""Characters of a path that cannot be too long."""

_LEAVES = "is no path that stays in its folder"


def fault(path: str, *, longest: int = LONGEST_PATH) -> str:
    """Find out why a path, with `/`, can be no file of a repository; empty where it can.

    Args:
        path: relative to some folder.
        longest: bytes that it may have.

    Returns:
        The rest of a sentence that begins with the path.
    """
    if _is_ordinary(path):
        return ""
    if path[1:2] == ":" and path[0].isalpha():
        return _LEAVES
    found = next(filter(None, map(_fault_of, path.split("/"))), "")
    return found or (f"is a path of more than {longest} bytes" if _size(path) > longest else "")


def acts(path: str) -> bool:
    """Tell whether Git, on one system or another, acts on a file at a path, whatever folder it lies in."""
    return not _is_ordinary(path) and any(map(_is_acting, path.split("/")))


def _is_ordinary(path: str) -> bool:
    """Tell whether nothing can be the matter with a path: a history has hundreds of thousands of them."""
    return (
        len(path) <= _SHORT
        and path.isascii()
        and "/." not in path
        and "//" not in path
        and "~" not in path
        and "\\" not in path
        and "\0" not in path
        and path[1:2] != ":"
        and path[:1] not in ("", ".", "/")
        and path[-1] != "/"
    )


def escaped(path: str) -> str:
    """Write a path, with `/`, so that no system takes a name in it for another; most paths are as they were.

    Escaping twice is escaping once. The name comes back with each `_xHHHH_` replaced by its character.
    """
    return "/".join(map(_escaped_name, path.split("/")))


def is_unfit_for_windows(path: str) -> bool:
    """Tell whether a path holds characters that Windows has no file for.

    MLflow and every other system take them, and `loss:train` is to read as that: such names stay, with a warning.
    """
    return _UNFIT_FOR_WINDOWS.search(path) is not None


@lru_cache(_REMEMBERED)
def _fault_of(name: str) -> str:
    # On Windows a name with a backslash is a path, and Git looks into it everywhere.
    parts = name.split("\\")
    if not {"", ".", ".."}.isdisjoint(parts):
        return _LEAVES
    if "\0" in name:
        return "holds a NUL, which ends a name"
    if any(_GITS.fullmatch(_visible(part)) for part in parts):
        return "is a name that Git keeps for itself"
    return f"is a name of more than {LONGEST_NAME} bytes" if _size(name) > LONGEST_NAME else ""


@lru_cache(_REMEMBERED)
def _escaped_name(name: str) -> str:
    shown = _SPECIAL.sub(_escape, name)
    if _is_acting(shown) or _DEVICE.fullmatch(shown):
        return f"_x{ord(shown[0]):04X}_{shown[1:]}"
    return shown


@lru_cache(_REMEMBERED)
def _is_acting(name: str) -> bool:
    return _ACTING.fullmatch(_visible(name)) is not None


def _escape(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def _visible(name: str) -> str:
    return name if name.isascii() else _OVERLOOKED.sub("", name)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
