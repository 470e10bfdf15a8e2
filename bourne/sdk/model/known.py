"""Functions that the engine knows by name and writes out in a stage's loop instead of calling them."""

from __future__ import annotations

from typing import Any

import attrs

from bourne.errors import ExecutionError
from bourne.sdk.model.grouped import BRIEF
from bourne.sdk.model.portable import portable


@portable
@attrs.frozen(repr=False)
class Known:
    """A tiny function of an element. Callable, so that whoever does not know it better can call it.

    ==============  =================================
    name            the element ``x`` becomes
    ==============  =================================
    ``identity``    ``x``
    ``key``         ``k`` where ``x`` is ``(k, v)``
    ``value``       ``v`` where ``x`` is ``(k, v)``
    ``swap``        ``(v, k)`` where ``x`` is ``(k, v)``
    ``pair_with``   ``(x, argument)``
    ``keyed_by``    ``(argument, x)``
    ==============  =================================

    Attributes:
      name: one of the above.
      argument: a constant for those that need one.
    """

    name: str
    argument: Any = None

    def __call__(self, x: Any) -> Any:
        match self.name:
            case 'identity':
                return x
            case 'pair_with':
                return (x, self.argument)
            case 'keyed_by':
                return (self.argument, x)
        k, v = unpack_pair(x)
        match self.name:
            case 'key':
                return k
            case 'value':
                return v
            case 'swap':
                return (v, k)
        raise ExecutionError(f'there is no known function {self.name!r}')

    def default_label(self) -> str:
        """The name, for labels."""
        return self.name


def unpack_pair(x: Any) -> tuple[Any, Any]:
    """The key and value of a pair.

    Raises:
      ExecutionError: if the element is not a pair.
    """
    try:
        k, v = x
    except (TypeError, ValueError):
        raise ExecutionError(f'a (key, value) pair is needed here, got {short(x)} ({type(x).__name__})') from None
    return k, v


def short(value: Any, limit: int = 200) -> str:
    """A repr that is never long and never fails."""
    before, BRIEF.inside = BRIEF.inside, True
    try:
        text = repr(value)
    except Exception as error:
        text = f'<{type(value).__name__} whose repr failed: {type(error).__name__}>'
    finally:
        BRIEF.inside = before
    return text if len(text) <= limit else f'{text[:limit]}... ({len(text)} characters)'
