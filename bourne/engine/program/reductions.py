"""How the generator writes out a combination: the source for each reduction that it knows, and for all others.

Every one does exactly what its ``CombineFn`` does, in the same order, and leaves accumulators that the other methods of
the function take. Two forms:

* A pair finds its accumulator in a table by its key (``pair``).
* Where everything has one key, ``None``, the accumulator is a local variable during the loop: taken from the table
  before it (``begin``), changed by each value (``value``), put back behind it if there was any value (``end``).

In the source, ``{key}`` and ``{value}`` are the parts of a pair, ``{table}`` the accumulators by key, ``{get}`` its
method, ``{acc}`` a variable of the operator's own, ``{rows}`` the number of values in the loop, and ``{op}`` the
operator's number, which is part of the names that :func:`bound_names` gives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bourne.engine.combining import folding
from bourne.sdk.model.combinefn import CombineFn, reduction_name


class Reduction(NamedTuple):
    """The source of a combination.

    Attributes:
      pair: for each pair; what the lines after the first one need of indentation, they have.
      begin: before a loop in which everything has one key.
      value: for each value there.
      end: behind that loop, if there was a value. Running it twice must do no harm unless it counts ``{rows}``.
    """

    pair: tuple[str, ...]
    begin: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    end: tuple[str, ...] = ('{table}[None] = {acc}',)


def _best(is_better: str) -> Reduction:
    """The least or greatest value."""
    return Reduction(
        pair=('{acc} = {get}({key}, MISSING)',
              f'if {{acc}} is MISSING or {is_better}: {{table}}[{{key}}] = {{value}}'),
        begin=('{acc} = {get}(None, MISSING)',),
        value=(f'if {{acc}} is MISSING or {is_better}: {{acc}} = {{value}}',))


def _leaders(is_better: str) -> Reduction:
    """The best so many; an accumulator keeps more than it must, and knows what a newcomer has to beat."""
    return Reduction(
        pair=('{acc} = {get}({key})',
              'if {acc} is None: {acc} = {table}[{key}] = new{op}()',
              '{acc}_bound = {acc}.bound',
              f'if not {{acc}}_bound or {is_better}:',
              '    {acc}.kept.append({value})',
              '    if len({acc}.kept) >= capacity{op}: cut{op}({acc})'),
        begin=('{acc} = {get}(None) or new{op}()',
               '{acc}_bound, {acc}_kept = {acc}.bound, {acc}.kept'),
        value=(f'if not {{acc}}_bound or {is_better}:',
               '    {acc}_kept.append({value})',
               '    if len({acc}_kept) >= capacity{op}: cut{op}({acc}); {acc}_bound = {acc}.bound'))


def _collection(new: str, method: str, of_one: str) -> Reduction:
    """All values in a collection."""
    return Reduction(
        pair=('{acc} = {get}({key})',
              f'if {{acc}} is None: {{table}}[{{key}}] = {of_one}',
              f'else: {{acc}}.{method}({{value}})'),
        begin=(f'{{acc}} = {{get}}(None) or {new}',
               f'{{acc}}_{method} = {{acc}}.{method}'),
        value=(f'{{acc}}_{method}({{value}})',))


#: Any function whatever.
GENERAL = Reduction(
    pair=('{acc} = {get}({key}, MISSING)',
          '{table}[{key}] = fold{op}({value}) if {acc} is MISSING else add{op}({acc}, {value})'),
    begin=('{acc} = {get}(None, MISSING)',),
    value=('{acc} = fold{op}({value}) if {acc} is MISSING else add{op}({acc}, {value})',))

#: By the names of :func:`bourne.sdk.model.combinefn.reduction_name`; one of these, ``top``, is four.
REDUCTIONS: dict[str, Reduction] = {
    'count': Reduction(
        pair=('{table}[{key}] = {get}({key}, 0) + 1',),
        end=('{table}[None] = {get}(None, 0) + {rows}',)),
    'sum': Reduction(
        pair=('{table}[{key}] = {get}({key}, 0) + {value}',),
        begin=('{acc} = {get}(None, 0)',),
        value=('{acc} = {acc} + {value}',)),
    'mean': Reduction(
        pair=('{acc} = {get}({key})',
              'if {acc} is None: {table}[{key}] = [0 + {value}, 1]',
              'else: {acc}[0] = {acc}[0] + {value}; {acc}[1] += 1'),
        begin=('{acc}, {acc}_count = {get}(None, (0, 0))',),
        value=('{acc} = {acc} + {value}; {acc}_count += 1',),
        end=('{table}[None] = [{acc}, {acc}_count]',)),
    'min': _best('{value} < {acc}'),
    'max': _best('{value} > {acc}'),
    'any': Reduction(
        pair=('if not {get}({key}): {table}[{key}] = not not {value}',),
        begin=('{acc} = {get}(None, False)',),
        value=('if not {acc} and {value}: {acc} = True',)),
    'all': Reduction(
        pair=('{acc} = {get}({key})',
              'if {acc} is None: {table}[{key}] = not not {value}',
              'elif {acc} and not {value}: {table}[{key}] = False'),
        begin=('{acc} = {get}(None, True)',),
        value=('if {acc} and not {value}: {acc} = False',)),
    'largest': _leaders('{acc}_bound[0] < {value}'),
    'largest by rank': _leaders('{acc}_bound[0] < rank{op}({value})'),
    'smallest': _leaders('{value} < {acc}_bound[0]'),
    'smallest by rank': _leaders('rank{op}({value}) < {acc}_bound[0]'),
    'list': _collection('[]', 'append', '[{value}]'),
    'set': _collection('set()', 'add', '{{{value}}}'),
}


def _name(fn: Any) -> str:
    name = reduction_name(fn) or ''
    if name == 'top':
        return ('smallest' if fn.reverse else 'largest') + (' by rank' if fn.key is not None else '')
    return name


def reduction(fn: CombineFn) -> Reduction:
    """The source for a function."""
    return REDUCTIONS.get(_name(fn), GENERAL)


def bound_names(number: int, fn: Any) -> dict[str, Any]:
    """What the source for an operator's function calls by name.

    Args:
      number: the operator's number.
      fn: its ``CombineFn``.
    """
    if reduction_name(fn) == 'top':
        return {f'new{number}': fn.create_accumulator, f'cut{number}': fn.cut, f'capacity{number}': fn.capacity,
                f'rank{number}': fn.key}
    if reduction(fn) is GENERAL:
        fold = folding(fn)
        return {f'fold{number}': fold.fold, f'add{number}': fold.add}
    return {}
