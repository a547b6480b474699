"""Copy a file or folder as actions/upload-artifact would: no empty folders, nothing hidden, no mode bits, few names."""

import shutil
import sys
from pathlib import Path

source, artifact = map(Path, sys.argv[1:])
if artifact.exists():
    raise SystemExit(f"there is an artifact named {artifact.name} already")
files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
top = source.parent if source.is_file() else source
kept = [path for path in files if not any(part.startswith(".") for part in path.relative_to(top).parts)]
if not kept:
    raise SystemExit(f"no files were found at {source}")
for path in kept:
    name = path.relative_to(top)
    if set('":<>|*?\r\n') & set(str(name)):
        raise SystemExit(f"{name}: the name holds a character that artifacts cannot")
    (artifact / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, artifact / name)
