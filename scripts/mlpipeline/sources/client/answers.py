"""Limit the answers of a server: each ends within a time, and none takes more memory than an honest one.

MLflow's timeout is for each single read, which a server fulfils that sends a byte a minute.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

SLOWEST = 120.0
"""Seconds from a request to the end of its answer; of a file that is downloaded, to the beginning."""

LARGEST = 64 << 20
"""Bytes of an answer: a page of 25,000 points takes 3 MB, one of 500 runs with a hundred names each 10 MB."""

_OPEN = threading.local()
"""The requests of a thread: `exchange` is the one that is going on."""


@dataclass
class _Exchange:
    """A request and its answer."""

    connection: socket.socket | None = None
    is_late: bool = False

    def stop(self) -> None:
        """Close the connection, so that whoever reads from it comes to an end."""
        self.is_late = True
        if self.connection:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def limited() -> Iterator[None]:
    """Limit the answers to all requests that are made through `requests`, as MLflow makes them."""
    import requests
    from urllib3.connection import HTTPConnection

    send, adapt, respond = requests.Session.send, requests.adapters.HTTPAdapter.send, HTTPConnection.getresponse
    requests.Session.send = _in_time(send)  # type: ignore[method-assign]
    requests.adapters.HTTPAdapter.send = _in_size(adapt)  # type: ignore[method-assign]
    HTTPConnection.getresponse = _noticed(respond)  # type: ignore[method-assign]
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
        requests.adapters.HTTPAdapter.send = adapt  # type: ignore[method-assign]
        HTTPConnection.getresponse = respond  # type: ignore[method-assign]


def _in_time(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_in_time(*args: Any, **options: Any) -> Any:
        import requests

        exchange, before = _Exchange(), getattr(_OPEN, "exchange", None)
        late = f"the answer did not end within {SLOWEST:.0f} seconds"
        timer = threading.Timer(SLOWEST, exchange.stop)
        timer.daemon = True
        timer.start()
        _OPEN.exchange = exchange
        try:
            response = send(*args, **options)
        except Exception as error:
            if exchange.is_late:
                raise requests.Timeout(late) from error
            raise
        finally:
            _OPEN.exchange = before
            timer.cancel()
        # An answer that was cut off within its header looks like a whole one.
        if exchange.is_late:
            raise requests.Timeout(late)
        return response

    return send_in_time


def _noticed(respond: Callable[..., Any]) -> Callable[..., Any]:
    def respond_noticed(self: Any, *args: Any, **options: Any) -> Any:
        exchange = getattr(_OPEN, "exchange", None)
        if exchange:
            if exchange.is_late:
                raise TimeoutError("there is no time left to try again")
            exchange.connection = self.sock
        return respond(self, *args, **options)

    return respond_noticed


def _in_size(adapt: Callable[..., Any]) -> Callable[..., Any]:
    def adapt_in_size(*args: Any, **options: Any) -> Any:
        response = adapt(*args, **options)
        if not options.get("stream"):
            response.raw.stream = partial(_bounded, response.raw.stream)
        return response

    return adapt_in_size


def _bounded(stream: Callable[..., Iterator[bytes]], *args: Any, **options: Any) -> Iterator[bytes]:
    size = 0
    for chunk in stream(*args, **options):
        size += len(chunk)
        if size > LARGEST:
            raise ValueError(f"the answer has more than {LARGEST >> 20} MiB")
        yield chunk
