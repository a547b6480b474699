"""MLflow experiment history that lives in a Git repository."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs a command by an older Python should read why it fails
    raise SystemExit("Python 3.11 or newer is needed, and this is %d.%d." % sys.version_info[:2])  # noqa: UP031
