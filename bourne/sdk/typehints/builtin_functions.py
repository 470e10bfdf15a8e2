"""What common builtin functions take and return: they have no annotations of their own."""

from __future__ import annotations

import types
from typing import Any

_RETURNS: dict[Any, tuple[Any, ...]] = {
    str: (
        str.capitalize, str.casefold, str.center, str.expandtabs, str.format, str.join, str.ljust, str.lower,
        str.lstrip, str.removeprefix, str.removesuffix, str.replace, str.rjust, str.rstrip, str.strip,
        str.swapcase, str.title, str.translate, str.upper, str.zfill, bytes.decode, bytes.hex, ascii, bin,
        chr, format, hex, oct, repr),
    bytes: (
        str.encode, bytes.capitalize, bytes.join, bytes.lower, bytes.lstrip, bytes.replace, bytes.rstrip,
        bytes.strip, bytes.title, bytes.upper, int.to_bytes),
    list[str]: (str.split, str.rsplit, str.splitlines),
    list[bytes]: (bytes.split, bytes.rsplit, bytes.splitlines),
    list[Any]: (sorted,),
    tuple[str, str, str]: (str.partition, str.rpartition),
    int: (
        hash, id, len, ord, str.count, str.find, str.index, str.rfind, str.rindex, int.bit_count,
        int.bit_length),
    bool: (
        all, any, callable, isinstance, issubclass, str.endswith, str.isalnum, str.isalpha, str.isascii,
        str.isdecimal, str.isdigit, str.isidentifier, str.islower, str.isnumeric, str.isprintable,
        str.isspace, str.istitle, str.isupper, str.startswith, float.is_integer),
}
_RETURN_OF: dict[Any, Any] = {fn: returned for returned, fns in _RETURNS.items() for fn in fns}


def types_of_builtin(fn: Any) -> tuple[tuple[Any, ...] | None, Any] | None:
    """The types of a builtin function or method: ``((str,), list[str])`` for ``str.split``.

    Args:
      fn: a callable.

    Returns:
      The types of the first arguments and of the result, each ``None`` if not known; ``None`` for other
      callables.
    """
    if isinstance(fn, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return (fn.__objclass__,), _RETURN_OF.get(fn)
    if isinstance(fn, types.BuiltinFunctionType):
        owner = fn.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            return None, _RETURN_OF.get(fn)
        unbound = getattr(type(owner), fn.__name__, None)  # ', '.join
        return None, _RETURN_OF.get(unbound) if isinstance(unbound, types.MethodDescriptorType) else None
    return None
