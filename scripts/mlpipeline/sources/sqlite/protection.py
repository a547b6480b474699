"""Let a database that strangers wrote run nothing of its own when it is read, and come to an end."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from mlpipeline.sources.limits import LARGEST_TEXT

SLOWEST = 60.0
"""Seconds in which SQLite has to give the next row; to sort or count millions takes less."""

_STEPS = 100_000
"""Of SQLite's machine, between two looks at the clock: about a millisecond."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: LARGEST_TEXT,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

Row = TypeVar("Row")


@dataclass
class Watch:
    """Stops a statement that gives no row for too long."""

    since: float = field(default_factory=time.monotonic)

    def timed(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows; the time that they are used in does not count."""
        self.restart()
        for row in rows:
            yield row
            self.restart()

    def restart(self) -> None:
        """Begin to count the time of a statement."""
        self.since = time.monotonic()

    def is_late(self) -> bool:
        """Tell SQLite whether to stop."""
        return time.monotonic() - self.since > SLOWEST


def protect(connection: sqlite3.Connection) -> Watch:
    """Set the limits of a connection: https://www.sqlite.org/security.html.

    Views and triggers may call no function with effects, what a page says of itself is checked, and a value that is
    longer than any of MLflow's is an error before it is in memory.
    """
    for limit, most in _LIMITS.items():
        connection.setlimit(limit, most)
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "temp_store = FILE"):
        connection.execute(f"PRAGMA {setting}")
    watch = Watch()
    connection.set_progress_handler(watch.is_late, _STEPS)
    return watch
