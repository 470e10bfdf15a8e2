"""The base of values that a function can return around an output, to say more about it than its value."""

from __future__ import annotations

from typing import Any

#: All types of such values. The engine looks the type of every output up here.
DRESSED: set[type] = set()


class Dressed:
    """A value with a tag, a time or windows. Every subclass, a user's too, is known by its type."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        DRESSED.add(cls)
