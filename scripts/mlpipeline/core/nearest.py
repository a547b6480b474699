"""Find the name that a person may have meant; pure."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Find the one of `names` that is most like `name`, upper or lower case; `None` if none is like it.

    Of names that differ in nothing else the first counts.
    """
    by_lower = {each.lower(): each for each in reversed(list(names))}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Ask whether the nearest of `names` was meant, as a sentence with a space before it; empty if none is like it."""
    close = nearest(name, names)
    return f" Did you mean '{close}'?" if close else ""
