"""A summary of many values from which quantiles can be told with a known error, in little space.

The summary is that of Manku, Rajagopalan and Lindsay, "Approximate Medians and other Quantiles in One Pass and with
Limited Memory" (SIGMOD 1998), with their COLLAPSE generalised to weights, and levels so that summaries can be merged in
any order.

Values are kept as they are until there are ``FAN * k`` of them. Then they are *collapsed*: ``k`` of them stand for all,
each for an equal share of the weight. So are ``FAN`` summaries of one level, into one of the next::

    sorted by value, with weights w that sum up to W:    v1 v2 v3 ...
    the i-th value that stays, i = 0 .. k - 1:           the first vj with w1 + ... + wj >= (i + 1/2) * W / k

What the values up to some ``v`` weigh is afterwards known only in steps of ``W / k``, and rounded to the nearest: a
collapse moves it by at most ``W / (2 * k)``. Hence, by induction:

    the rank of a value in a summary of level l and weight W is wrong by at most        l * W / (2 * k)
    a summary of level l stands for at least FAN**l * k values, so of N values,         l <= log(N / k, FAN)
    a whole sketch of N values, which weigh W, is wrong by at most                      W * log(N / k, FAN) / (2 * k)

It does not matter how values were spread over sketches and in which order these were merged: a merge collapses nothing
but ``FAN`` summaries of one level.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

#: How many summaries are collapsed into one.
FAN = 4

#: ``k`` values, in order, each of which stands for the same weight.
Summary = tuple[list[Any], float]


class Sketch:
    """The summary; what is done with it is in :class:`Sketcher`.

    Attributes:
      values: those that were not collapsed yet.
      weights: their weights, if they have any.
      levels: the summaries of level 1, 2, ...; fewer than ``FAN`` of each.
      extremes: the first and last of all values that were collapsed, or nothing.
    """

    __slots__ = ('extremes', 'levels', 'values', 'weights')

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.weights: list[float] = []
        self.levels: list[list[Summary]] = []
        self.extremes: list[Any] = []


class Sketcher:
    """Fills, merges and reads sketches.

    Args:
      k: how many values a summary has.
      key: ranks a value, as in ``sorted``; by default the value itself.
      reverse: the order is from the greatest to the least.
      weighted: values have weights.
    """

    def __init__(self, k: int, key: Callable[[Any], Any] | None, reverse: bool, weighted: bool) -> None:
        self.k = k
        self.key = key
        self.reverse = reverse
        self.weighted = weighted
        #: So many values are collapsed at once.
        self.limit = FAN * k

    def settle(self, sketch: Sketch) -> None:
        """Collapses what can be collapsed. To be called when ``limit`` values are there."""
        while len(sketch.values) >= self.limit:
            values, sketch.values = sketch.values[:self.limit], sketch.values[self.limit:]
            weights, sketch.weights = sketch.weights[:self.limit], sketch.weights[self.limit:]
            pairs = self._sorted(zip(values, weights)) if self.weighted else None
            ordered = [value for value, _ in pairs] if pairs else sorted(values, key=self.key, reverse=self.reverse)
            self._widen(sketch, ordered[0], ordered[-1])
            self._put(sketch, 1, self._pick(pairs) if pairs else _thin(ordered, 1))

    def merge(self, sketches: Iterable[Sketch]) -> Sketch:
        """One sketch of all values. The sketches must not be used afterwards."""
        merged = Sketch()
        for sketch in sketches:
            merged.values += sketch.values
            merged.weights += sketch.weights
            if sketch.extremes:
                self._widen(merged, *sketch.extremes)
            self.settle(merged)
            for number, summaries in enumerate(sketch.levels):
                for summary in summaries:
                    self._put(merged, number + 1, summary)
        return merged

    def quantiles(self, sketch: Sketch, count: int) -> list[Any]:
        """The first value, those at equal distances by weight, and the last: ``count`` of them, or none of none.

        The i-th one (from 0) is the first value with which at least ``i / (count - 1)`` of the weight is reached.
        """
        pairs = self._sorted(self._pairs(sketch))
        if not pairs:
            return []
        if sketch.extremes:
            self._widen(sketch, pairs[0][0], pairs[-1][0])
        first, last = sketch.extremes or (pairs[0][0], pairs[-1][0])
        sums = list(accumulate(weight for _, weight in pairs))
        targets = [number * sums[-1] / (count - 1) for number in range(1, count - 1)]
        return [first, *(_at(pairs, sums, target) for target in targets), last]

    def rank_error(self, sketch: Sketch) -> float:
        """By how much weight a quantile may be off, at most."""
        return sum(level * step / 2 for level, summaries in enumerate(sketch.levels, 1) for _, step in summaries)

    def _put(self, sketch: Sketch, level: int, summary: Summary) -> None:
        """Adds a summary, and collapses those of its level if they are enough."""
        while len(sketch.levels) < level:
            sketch.levels.append([])
        peers = sketch.levels[level - 1]
        peers.append(summary)
        if len(peers) < FAN:
            return
        sketch.levels[level - 1] = []
        if self.weighted:
            collapsed = self._pick(self._sorted((value, step) for values, step in peers for value in values))
        else:
            merged = [value for values, _ in peers for value in values]
            merged.sort(key=self.key, reverse=self.reverse)
            collapsed = _thin(merged, summary[1])
        self._put(sketch, level + 1, collapsed)

    def _pick(self, pairs: list[tuple[Any, float]]) -> Summary:
        """The collapse of values in order, with weights."""
        sums = list(accumulate(weight for _, weight in pairs))
        step = sums[-1] / self.k
        return [_at(pairs, sums, (number + 0.5) * step) for number in range(self.k)], step

    def _pairs(self, sketch: Sketch) -> Iterator[tuple[Any, float]]:
        yield from zip(sketch.values, sketch.weights if self.weighted else [1] * len(sketch.values))
        for summaries in sketch.levels:
            for values, step in summaries:
                for value in values:
                    yield value, step

    def _sorted(self, pairs: Iterable[tuple[Any, float]]) -> list[tuple[Any, float]]:
        key = self.key
        rank = (lambda pair: pair[0]) if key is None else (lambda pair: key(pair[0]))
        return sorted(pairs, key=rank, reverse=self.reverse)

    def _widen(self, sketch: Sketch, first: Any, last: Any) -> None:
        ordered = sorted((*sketch.extremes, first, last), key=self.key, reverse=self.reverse)
        sketch.extremes = [ordered[0], ordered[-1]]


def _thin(ordered: list[Any], weight: float) -> Summary:
    """The collapse of ``FAN * k`` values that weigh the same: the middle one of every ``FAN``."""
    return ordered[FAN // 2 - 1::FAN], weight * FAN


def _at(pairs: Sequence[tuple[Any, float]], sums: Sequence[float], target: float) -> Any:
    """The first value with which the sum of weights reaches the target."""
    return pairs[min(bisect_left(sums, target), len(pairs) - 1)][0]


def size_for(epsilon: float, most: float) -> int:
    """The least ``k`` with which a sketch of up to ``most`` values is wrong by at most ``epsilon`` of their weight.

    With ``L`` levels at most, that is ``L / (2 * k) <= epsilon``, and there are no more levels than ``L`` if
    ``most < k * FAN**(L + 1)``.
    """
    levels = max(1, math.ceil(math.log(max(most, 1), FAN)))
    sizes = [max(math.ceil(level / (2 * epsilon)), math.floor(most / float(FAN ** (level + 1))) + 1)
             for level in range(levels + 1)]
    return min(sizes)
