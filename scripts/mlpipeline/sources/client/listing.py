"""List what a server has, page by page."""

from collections.abc import Callable, Iterator, Sequence

from mlpipeline.sources.client.meta import Entity
from mlpipeline.sources.limits import MOST_RECORDS, TooMuchError

PAGE = 500
"""Runs or traces that are asked for at once; servers refuse more than 500 traces."""


MOST_PAGES = 2_000
"""Of one listing: of 500 runs, of 25,000 points of a metric."""


def paged(listing: Callable[..., Entity], *, most: int = MOST_RECORDS) -> Iterator[Entity]:
    """All entities that a listing gives page by page.

    Raises:
        TooMuchError: it gives more than `most`, or pages without end.
    """
    token, count = None, 0
    tokens: set[str] = set()
    while True:
        page = listing(page_token=token) if token else listing()
        count += len(page)
        if count > most:
            raise TooMuchError(f"more than {most:,} are listed")
        yield from page
        token = getattr(page, "token", None)
        if not token:
            return
        if token in tokens:
            raise TooMuchError("the server gives a page again that it gave before")
        tokens.add(token)
        if len(tokens) >= MOST_PAGES:
            raise TooMuchError(f"they take more than {MOST_PAGES:,} pages")


def names_listed(listing: Callable[..., Entity]) -> list[str]:
    """The names of what a feature lists; none where the server does not have it, or not there."""
    try:
        return [_name(each) for each in paged(listing)]
    except Exception:  # noqa: BLE001 - what cannot be listed cannot be missed
        return []


def _name(entity: Entity) -> str:
    keys = ("name", "scorer_name", "secret_name", "title")
    return next((str(name) for key in keys if (name := getattr(entity, key, None))), "unnamed")


def search_traces(client: Entity, locations: Sequence[str], page_token: str | None = None) -> Entity:
    """List traces of some experiments, a page of them."""
    return client.search_traces(locations=locations, include_spans=False, max_results=PAGE, page_token=page_token)


def all_stages() -> Entity:
    """Give MLflow's word for records that are active or deleted."""
    from mlflow.entities import ViewType

    return ViewType.ALL
