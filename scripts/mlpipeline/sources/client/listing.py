"""List what a server has, page by page."""

from collections.abc import Callable, Iterator, Sequence

from mlpipeline.sources.client.meta import Entity

PAGE = 500
"""Runs or traces that are asked for at once; servers refuse more than 500 traces."""


def paged(listing: Callable[..., Entity]) -> Iterator[Entity]:
    """All entities that a listing gives page by page."""
    token = None
    while True:
        page = listing(page_token=token) if token else listing()
        yield from page
        following = getattr(page, "token", None)
        if not following or following == token:
            return
        token = following


def names_listed(listing: Callable[..., Entity]) -> list[str]:
    """The names of what a feature lists; none where the server does not have it, or not there."""
    from mlflow.exceptions import MlflowException

    try:
        return [_name(each) for each in paged(listing)]
    except (MlflowException, NotImplementedError):
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
