"""Events of the cluster for several listeners: of Dask's own there is one for each topic of a client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from distributed import Client

#: Gets when an event was sent, and what.
Listener = Callable[[tuple[Any, Any]], None]

#: How often each listener listens, by client and topic.
_listeners: WeakKeyDictionary[Any, dict[str, Counter[Listener]]] = WeakKeyDictionary()
_lock = Lock()


@contextmanager
def listening(client: Client, topic: str, listener: Listener) -> Iterator[None]:
    """Has a function called with each event of a topic, once even if it listens several times.

    Args:
      client: who gets the events.
      topic: the topic.
      listener: the function.
    """
    with _lock:
        topics = _listeners.setdefault(client, {})
        if topic not in topics:
            topics[topic] = Counter()
            client.subscribe_topic(topic, _teller(topics[topic]))
        topics[topic][listener] += 1
    try:
        yield
    finally:
        with _lock:
            topics[topic][listener] -= 1
            if not topics[topic][listener]:
                del topics[topic][listener]
            if not topics[topic]:
                del topics[topic]
                client.unsubscribe_topic(topic)
                client._event_handlers.pop(topic, None)  # Dask keeps it (distributed 2026.8)


def _teller(listeners: Counter[Listener]) -> Listener:
    def tell(event: tuple[Any, Any]) -> None:
        for listener in list(listeners):
            listener(event)

    return tell


def is_heard(topic: str) -> bool:
    """Whether anybody in this process listens to a topic."""
    with _lock:
        return any(topic in topics for topics in _listeners.values())
