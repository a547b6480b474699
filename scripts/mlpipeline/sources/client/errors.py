"""Say why a server, a database or an artifact cannot be read."""

import re
from collections.abc import Iterator

from mlpipeline.core.credentials import without_credentials
from mlpipeline.core.errors import InputError

_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


class UnfitError(Exception):
    """A record that cannot be stored; the message says why."""


def words(error: BaseException) -> str:
    """What an error says, in one line that can be shown."""
    text = str(error).strip() or type(error).__name__
    line = without_credentials(re.split(r"\n|\.? Response (?:text|body):", text, maxsplit=1)[0])
    return line if len(line) < 300 else f"{line[:300]}..."


NO_SUCH_FEATURE = (404, 405, 501)
"""How a server says that it is of an MLflow that has no such thing, as one of MLflow 2 has no logged models."""

_NO_ENTRY = (401, 403)


def unusable(uri: str, error: BaseException) -> InputError:
    """Why the source cannot be read at all."""
    name, status = without_credentials(uri), http_status(error)
    if status in _NO_ENTRY:
        return InputError(
            f"The tracking server '{name}' rejected the credentials (HTTP {status}).",
            remedy=f"set {_LOGIN}, of an account that may read.",
        )
    if is_out_of_reach(error):
        return InputError(
            f"The tracking server '{name}' cannot be reached: {words(list(_chain(error))[-1])}.",
            remedy=f"start it, or correct --source; a server with a login takes it from {_LOGIN}.",
        )
    return InputError(
        f"'{name}' cannot be read by MLflow: {words(error)}",
        remedy=f"check --source; a server with a login takes it from {_LOGIN}.",
    )


def stopped(uri: str, error: BaseException) -> InputError:
    """Say that a server, or the place of its artifacts, stopped answering."""
    if http_status(error) in _NO_ENTRY:
        return unusable(uri, error)
    return InputError(
        f"The tracking server '{without_credentials(uri)}', or the place of its artifacts, no longer answers: "
        f"{words(error)}",
        remedy="run the same command again; what was downloaded is not downloaded again.",
    )


def is_out_of_reach(error: BaseException) -> bool:
    """Whether the next request can be expected to fail alike: no connection, or a login that is not taken.

    Every database driver has an `OperationalError` of its own.
    """
    import requests

    lost = (requests.ConnectionError, requests.Timeout)
    is_lost = any(isinstance(each, lost) or type(each).__name__ == "OperationalError" for each in _chain(error))
    return is_lost or http_status(error) == _NO_ENTRY[0]


def http_status(error: BaseException) -> int:
    """The HTTP status that an error stands for; 0 for none."""
    import requests
    from mlflow.exceptions import MlflowException

    for each in _chain(error):
        if isinstance(each, requests.RequestException) and each.response is not None:
            return int(each.response.status_code)
        if isinstance(each, MlflowException):
            return int(each.get_http_status_code())
    return 0


def _chain(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
