"""Edits in the language of `git fast-import`."""

import shutil
from pathlib import Path
from typing import IO

from mlpipeline.core.edits import Copy, Delete, Edit, Link, Write
from mlpipeline.core.errors import RepositoryError


def _write_edit(stream: IO[bytes], edit: Edit, root: str) -> None:
    """One edit in the language of `git fast-import`."""
    path = _quoted(root + edit.path)
    match edit:
        case Write(content=bytes() as data):
            stream.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(data), data))
        case Write(content=Path() as file):
            size = file.stat().st_size
            stream.write(b"M 100644 inline %s\ndata %d\n" % (path, size))
            with file.open("rb") as source:
                shutil.copyfileobj(source, stream)
                # A file that is still being written would shift everything behind it in the stream.
                if source.tell() != size:
                    raise RepositoryError(
                        f"'{file}' changed while it was read.",
                        untouched="the repository and the remote.",
                        remedy="wait until training is done, then run this again.",
                    )
            stream.write(b"\n")
        case Link(target=target):
            stream.write(b"M 120000 inline %s\ndata %d\n%s\n" % (path, len(target.encode()), target.encode()))
        case Copy(source=source_path):
            stream.write(b"C %s %s\n" % (_quoted(root + source_path), path))
        case Delete():
            stream.write(b"D %s\n" % path)


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode(errors="surrogateescape")
