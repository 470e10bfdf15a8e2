"""Where the records of a stateful operator are: the interface, and the store in memory.

A store larger than memory hands out records that it has read, and writes them back when :meth:`StateStore.flush` says
that they are complete. Nobody keeps a record over that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from bourne.engine.cells import Record


class Table(Protocol):
    """The records of a window, by key."""

    def get(self, key: Hashable) -> Record | None:
        """The record of a key, if there is one. It may be changed in place until the store is flushed."""

    def values(self) -> Iterable[Record]:
        """All records, likewise."""

    def __setitem__(self, key: Hashable, record: Record) -> None: ...

    def __delitem__(self, key: Hashable) -> None: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


class StateStore(Protocol):
    """The tables of an operator, by raw window."""

    def __getitem__(self, window: Hashable) -> Any:
        """The table of a window, made if there is none; :data:`NOTHING` if it may not be opened."""

    def get(self, window: Hashable) -> Any:
        """The table of a window, or ``None``."""

    def pop(self, window: Hashable, default: None = None) -> Any:
        """Forgets a window."""

    def values(self) -> Iterable[Any]:
        """All tables."""

    def clear(self) -> None:
        """Forgets everything."""

    def flush(self) -> None:
        """Records that were handed out are complete, and nobody holds them any more."""


#: The table of a window that has expired: it has nothing, and takes nothing.
NOTHING: Mapping[Any, Any] = MappingProxyType({})


class MemoryStore(dict[Any, dict[Any, Record]]):
    """Records in memory.

    Args:
      admit: tells whether a window may be opened.
    """

    def __init__(self, admit: Callable[[Any], bool]) -> None:
        super().__init__()
        self._admit = admit

    def __missing__(self, window: Any) -> Any:
        if not self._admit(window):
            return NOTHING
        table = self[window] = {}
        return table

    def flush(self) -> None:
        """Nothing is to be done: what was changed is here."""
