"""Tell what systems and editors leave in any folder from what MLflow writes; pure."""

import re
from collections.abc import Container

_FOREIGN = re.compile(
    r"\.DS_Store|\.AppleDouble|\.LSOverride|\._.*|__MACOSX|\.Spotlight-V100|\.Trashes|\.fseventsd"  # macOS
    r"|Thumbs\.db(?::encryptable)?|ehthumbs\.db|desktop\.ini|\$RECYCLE\.BIN|System Volume Information"  # Windows
    r"|\.directory|\.Trash-\d+|\.nfs[0-9a-f]+|\.fuse_hidden.*|lost\+found|@eaDir"  # Linux, network storage
    r"|.*~|.*\.sw[a-p]|\.#.*|#.*#|\.idea|\.vscode"  # editors
    r"|\.ipynb_checkpoints|__pycache__|.*\.pyc|\.git(?:keep|ignore|attributes)|\.keep",  # Python, Git
    re.IGNORECASE,
)


def is_foreign(path: str) -> bool:
    """Tell whether a part of a path is the name of a file or folder that no job logged."""
    return any(_FOREIGN.fullmatch(part) for part in path.split("/"))


def is_backup(path: str, others: Container[str]) -> bool:
    """Tell whether a file is an editor's or a merge's copy of another that lies beside it."""
    original, _, end = path.rpartition(".")
    return end in ("bak", "orig") and original in others
