"""From a file's bytes to its text: compression, encoding, and files that hold no text at all."""

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

from mlpipeline.core.errors import InputError

DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
"""By the end of a file's name."""

FALLBACK = "cp1252"
"""What a text is taken for that is neither UTF-8 nor UTF-16: Windows' code for Western Europe, Latin-1 with more."""

# UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "unpack it, or save the spreadsheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", "save it as CSV"),
    (b"PAR1", "a Parquet file", "let its name end in .parquet"),
    (b"\x1f\x8b", "compressed by gzip", "let its name end in .csv.gz"),
    (b"%PDF", "a PDF document", "extract its table as CSV"),
)


def decode(path: Path, encoding: str | None) -> tuple[str, str]:
    """Read a text.

    Args:
        path: the file.
        encoding: as Python names it; `None` to recognise it.

    Returns:
        The text without a byte order mark, and its encoding.

    Raises:
        InputError: it holds no text, or none of this encoding.
        OSError: it cannot be read.
    """
    content = _content(path)
    for magic, what, remedy in _FOREIGN:
        if content.startswith(magic):
            raise InputError(f"{path} cannot be read as CSV: it is {what}.", remedy=remedy)
    if content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise InputError(
            f"{path} cannot be read as CSV: it is a web page.",
            remedy="download the table itself, not the page that shows it",
        )
    chosen = _known(encoding) if encoding else _recognised(content)
    if chosen is None:
        raise InputError(
            f"{path} cannot be read as CSV: it holds bytes that are no text.",
            remedy="export it as CSV, or name its --encoding",
        )
    try:
        return content.decode(chosen).removeprefix("\ufeff"), chosen
    except UnicodeError as error:
        raise InputError(
            f"{path} cannot be read as {encoding or chosen}: {error}.",
            remedy="leave --encoding out, or name another" if encoding else "name its --encoding",
        ) from error


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    decompress = DECOMPRESS.get(path.suffix.lower())
    if decompress is None:
        return content
    try:
        return decompress(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{path} cannot be unpacked: {error}.", remedy="fetch the file anew") from error


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise InputError(
            f"'{encoding}' is no encoding of text.", remedy="--encoding utf-8, utf-16, cp1252 or another of Python's"
        ) from error
    return encoding


def _recognised(content: bytes) -> str | None:
    marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    if marked:
        return marked
    if b"\0" in content:
        return _unmarked_utf_16(content)
    for encoding in ("utf-8", FALLBACK):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    # Takes any byte.
    return "latin-1"


def _unmarked_utf_16(content: bytes) -> str | None:
    """In UTF-16 every other byte of a table is zero, for digits and separators are ASCII."""
    for first, encoding in ((0, "utf-16-be"), (1, "utf-16-le")):
        zeros = content[first::2].count(0)
        if zeros > len(content) // 4 and content[1 - first :: 2].count(0) == 0:
            return encoding
    return None
