"""How much is read of one source: more than MLflow's users have, and no more than memory holds."""

from dataclasses import dataclass

MOST_RECORDS = 100_000
"""Records of a kind that one persist adds."""

MOST_ENTRIES = 200_000
"""Experiments of a store, or records of an experiment, that are looked at."""

MOST_FILES = 100_000
"""Params, tags, metrics or artifacts of one record: each becomes a file."""

MOST_IN_ALL = 1_000_000
"""Files of a store that are taken."""

LARGEST_TEXT = 16 << 20
"""Bytes of one value; MLflow's own limit for the profile of a dataset, its longest text."""

MEMORY = 512 << 20
"""Bytes of all values of a source that are in memory at once, with what Python needs to hold them."""

_OVERHEAD = 200
"""Bytes that Python needs for a value and its name, about."""


def excess(count: int, what: str) -> str:
    """Say that one record has too many params, tags, metrics or artifacts; empty where it has not."""
    return f"it has {count:,} {what}, and a history takes {MOST_FILES:,} at the most" if count > MOST_FILES else ""


class TooMuchError(Exception):
    """More than is read of one source; the message says of what."""


@dataclass(kw_only=True)
class Budget:
    """Counts what is held in memory.

    Attributes:
        spent: bytes.
    """

    spent: int = 0

    def take(self, size: int) -> None:
        """Count a value of so many bytes.

        Raises:
            TooMuchError: memory would not hold it with the others.
        """
        self.spent += size + _OVERHEAD
        if self.spent > MEMORY:
            raise TooMuchError(f"what they hold takes more than {MEMORY >> 20} MiB")
