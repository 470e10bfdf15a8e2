"""Functions whose results are surely plain values: by what their bytecode ends with, or since Python itself has them.

A function that returns the result of an operator, a comparison, or a tuple it has just built does not return a
``TimestampedValue`` or ``TaggedOutput``, and ``str.split`` has none in its list. So their results need not be looked
at. Whatever is not certain is not claimed.
"""

from __future__ import annotations

import dis
import inspect
import opcode
import re
from types import BuiltinMethodType, CodeType, FunctionType
from typing import Any

_MADE_PLAIN = frozenset(opcode.opmap[name] for name in (
    'BINARY_OP', 'COMPARE_OP', 'CONTAINS_OP', 'IS_OP', 'BUILD_TUPLE', 'BUILD_LIST', 'BUILD_MAP', 'BUILD_SET',
    'BUILD_STRING', 'UNARY_NOT', 'UNARY_NEGATIVE') if name in opcode.opmap)
_RETURN = opcode.opmap['RETURN_VALUE']
_CACHE = opcode.opmap['CACHE']
#: Generators, coroutines and asynchronous generators.
_NOT_A_CALL = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_JUMPS = frozenset(dis.hasjrel) | frozenset(dis.hasjabs)
#: Longer functions are not looked at: they do enough for the check not to matter.
LONGEST = 400
#: Methods of builtin types that return a list of texts, of bytes, or of tuples of them.
_SPLITS = {
    str: frozenset({'split', 'rsplit', 'splitlines'}), bytes: frozenset({'split', 'rsplit', 'splitlines'}),
    re.Pattern: frozenset({'findall', 'split'}),
}


def lists_plain(fn: Any) -> bool:
    """True if a function can only return a list of plain values.

    Args:
      fn: anything callable.
    """
    if type(fn) is BuiltinMethodType:
        return fn.__name__ in _SPLITS.get(type(fn.__self__), ())
    return any(fn is getattr(kind, name) for kind, names in _SPLITS.items() for name in names)


def returns_plain(fn: Any) -> bool:
    """True if a function can only return a value that it has made by an operator or a display.

    Args:
      fn: anything callable.
    """
    return type(fn) is FunctionType and _is_plain(fn.__code__)


def _is_plain(code: CodeType) -> bool:
    data = code.co_code
    if len(data) > LONGEST or code.co_flags & _NOT_A_CALL:
        return False  # a generator or coroutine gives something else than what it returns
    operations = [operation for operation in data[::2] if operation != _CACHE]
    # One way out, and nothing that jumps to it past the last operation.
    return (operations.count(_RETURN) == 1 and operations[-1] == _RETURN and operations[-2] in _MADE_PLAIN
            and not _JUMPS.intersection(operations))
