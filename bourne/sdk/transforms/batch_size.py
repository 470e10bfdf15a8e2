"""How large a batch should be, learnt from how long batches take.

A batch of ``x`` elements takes about ``a + b * x`` seconds: a fixed cost, and one for each element. Both are estimated
by least squares from the latest batches, and with them the greatest size that keeps every target that is set::

    the fixed cost is a share o of the time     a / (a + b * x) = o     x = a / b * (1 / o - 1)
    the elements take d seconds                 b * x = d               x = d / b
    the batch takes D seconds                   a + b * x = D           x = (D - a) / b
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bourne.errors import TransformError
from bourne.sdk.metrics import Metrics

#: So many batches are remembered.
MEMORY = 100
#: A batch is at most so many times as large as the one before.
GROWTH = 2
#: From so many batches on, sizes are spread around what is estimated, and the oddest batches are left out.
ENOUGH = 12

#: The size of a batch, and the seconds that it took.
Timing = tuple[int, float]


class BatchSizeEstimator:
    """Suggests sizes of batches. Arguments are those of :class:`bourne.sdk.transforms.batch.BatchElements`."""

    def __init__(self, min_batch_size: int, max_batch_size: int, target_batch_overhead: float | None,
                 target_batch_duration_secs: float | None,
                 target_batch_duration_secs_including_fixed_cost: float | None,
                 variance: float, clock: Callable[[], float], record_metrics: bool) -> None:
        self.least = min_batch_size
        self.most = max_batch_size
        self.overhead = target_batch_overhead
        self.duration = target_batch_duration_secs
        self.whole_duration = target_batch_duration_secs_including_fixed_cost
        self.variance = variance
        self.clock = clock
        for problem in self._problems():
            raise TransformError(f'BatchElements: {problem}')
        self._timings: deque[Timing] = deque(maxlen=MEMORY)
        self._warm = False
        self._rest = 0.0  # of a millisecond: distributions count whole ones
        self._sizes = Metrics.distribution('BatchElements', 'batch_size') if record_metrics else None
        self._times = Metrics.distribution('BatchElements', 'msec_per_batch') if record_metrics else None

    def _problems(self) -> Iterator[str]:
        for name, size in (('min_batch_size', self.least), ('max_batch_size', self.most)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                yield f'{name} must be a positive int, got {size!r}'
        if self.least > self.most:
            yield f'min_batch_size={self.least} is greater than max_batch_size={self.most}'
        if self.overhead is not None and not 0 <= self.overhead <= 1:
            yield f'target_batch_overhead is a share from 0 to 1, got {self.overhead!r}'
        for name, seconds in (('target_batch_duration_secs', self.duration),
                              ('target_batch_duration_secs_including_fixed_cost', self.whole_duration)):
            if seconds is not None and not seconds >= 0:
                yield f'{name} must be positive, got {seconds!r}'
        if not (self.overhead or self.duration or self.whole_duration):
            yield ('at least one target is needed: target_batch_overhead, target_batch_duration_secs, or '
                   'target_batch_duration_secs_including_fixed_cost')
        if not 0 <= self.variance < 1:
            yield f'variance is a share below 1, got {self.variance!r}'

    def next_size(self) -> int:
        """The size that the next batch should have."""
        if self.least == self.most or not self._timings:
            return self.least
        # Always two sizes or more: from a single one nothing can be told of others.
        least = min(self.least + len(self._timings) % 2, self.most)
        if len(self._timings) == 1:
            return min(max(self.least * GROWTH, self.least + 1), self.most)
        target = self._target(*fit(self._timings))
        if len(self._timings) >= ENOUGH:
            target *= 1 + self.variance * (2 * random.random() - 1)
        last = self._timings[-1][0]
        return int(max(least, min(target, last * GROWTH, self.most)))

    def _target(self, fixed: float, each: float) -> float:
        sizes = [float(self.most)]
        if each <= 0:  # elements cost nothing that can be measured
            return sizes[0]
        if self.overhead:
            sizes.append(max(fixed, 0.0) / each * (1 / self.overhead - 1))
        if self.duration:
            sizes.append(self.duration / each)
        if self.whole_duration:
            sizes.append((self.whole_duration - fixed) / each)
        return min(sizes)

    @contextmanager
    def measure(self, size: int) -> Iterator[None]:
        """Measures the block around which it is as the time that a batch takes."""
        start = self.clock()
        yield
        seconds = float(self.clock() - start)
        self.note(size, seconds)
        # The first batch pays for what is set up when it is needed first.
        if self._warm:
            self._timings.append((size, seconds))
        self._warm = True

    def note(self, size: int, seconds: float | None = None) -> None:
        """Counts a batch in the metrics, with its time if that is known."""
        if self._sizes is not None:
            self._sizes.update(size)
        if self._times is not None and seconds is not None:
            self._rest += seconds * 1000
            whole = int(self._rest)
            self._rest -= whole
            self._times.update(whole)


def fit(timings: Sequence[Timing] | deque[Timing]) -> tuple[float, float]:
    """The fixed cost and the cost of an element, in seconds, that explain timings best, but for the oddest ones."""
    fixed, each = _least_squares(timings)
    if len(timings) < ENOUGH:
        return fixed, each
    ordered = sorted(timings, key=lambda timing: abs(timing[1] - fixed - each * timing[0]))
    return _least_squares(ordered[:len(ordered) * 4 // 5])


def _least_squares(timings: Sequence[Timing] | deque[Timing]) -> tuple[float, float]:
    count = len(timings)
    size = sum(x for x, _ in timings) / count
    seconds = sum(y for _, y in timings) / count
    spread = sum((x - size) ** 2 for x, _ in timings)
    if not spread:
        return 0.0, seconds / size
    each = sum((x - size) * (y - seconds) for x, y in timings) / spread
    return seconds - each * size, each
