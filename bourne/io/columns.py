"""Columns of text become columns of values: what their types are, and the conversion."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from bourne.io.fields import Kind

#: What stands for a missing value, as in pandas.
NA_VALUES = frozenset({
    '', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A',
    'NA', 'NULL', 'NaN', 'None', 'n/a', 'nan', 'null',
})

_BOOLS = {'True': True, 'TRUE': True, 'true': True, 'False': False, 'FALSE': False, 'false': False}
_IS_INT = re.compile(r'\s*[+-]?[0-9]+\s*', re.ASCII).fullmatch
_IS_FLOAT = re.compile(
    r'\s*[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)\s*',
    re.ASCII | re.IGNORECASE).fullmatch

#: The types that are inferred, from the narrowest; a column has the first that suits all its values.
KINDS: Mapping[str, Callable[[str], Any]] = {'bool': _BOOLS.__contains__, 'int': _IS_INT, 'float': _IS_FLOAT}


class BadValue(Exception):
    """A value that does not suit its column's type.

    Args:
      row: which of the values it is, from 0.
      value: the value.
      reason: why it does not.
    """

    def __init__(self, row: int, value: str, reason: str) -> None:
        super().__init__(row, value, reason)
        self.row = row
        self.value = value
        self.reason = reason


def infer(values: Sequence[str], missing: Set[str]) -> str:
    """The kind of a column: ``bool``, ``int``, ``float`` or ``str``.

    Args:
      values: some of its values.
      missing: which of them stand for no value.
    """
    present = [value for value in values if value not in missing]
    if present:
        for kind, suits in KINDS.items():
            if all(map(suits, present)):
                return kind
    return 'str'


def convert(values: Sequence[str], kind: Kind, missing: Set[str]) -> Sequence[Any]:
    """The values of a column; ``None`` for those that are missing.

    Args:
      values: the texts.
      kind: what :func:`infer` returned, or a function of the text.
      missing: which texts stand for no value.

    Raises:
      BadValue: if one of them does not suit.
    """
    if kind == 'str':
        if missing.isdisjoint(values):
            return values
        return [None if value in missing else value for value in values]
    one = _ONE[kind] if isinstance(kind, str) else kind
    # int() and float() also take digits grouped by underscores, which are no numbers in files.
    plain = one not in (int, float) or '_' not in ''.join(values)
    if plain and missing.isdisjoint(values):
        try:
            return list(map(one, values))
        except (ValueError, TypeError, KeyError):
            pass  # Found again below, with its row.
    return [
        None if value in missing else _convert_one(row, value, kind, one) for row, value in enumerate(values)]


_ONE: Mapping[str, Callable[[str], Any]] = {'bool': _BOOLS.__getitem__, 'int': int, 'float': float}


def _convert_one(row: int, value: str, kind: Kind, one: Callable[[str], Any]) -> Any:
    if isinstance(kind, str) and not KINDS[kind](value):
        raise BadValue(row, value, f'is no {kind}')
    try:
        return one(value)
    except (ValueError, TypeError) as error:
        raise BadValue(row, value, f'cannot be converted: {error}') from error
