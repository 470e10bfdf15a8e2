"""``BatchElements`` and its like: elements in lists, so that a cost is paid once for many of them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.state import BagStateSpec, CombiningValueStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.model.window import GLOBAL_WINDOW, FixedWindows, GlobalWindows, WindowedValue
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.batch_size import BatchSizeEstimator
from bourne.sdk.transforms.pardo import ParDo
from bourne.sdk.transforms.window import WithTimestamps

T = TypeVar('T')

#: Batches are kept open in so many windows at once; then the largest is emitted as it is.
MAX_OPEN = 10
#: The bounds of ``length_fn``'s buckets, if none are given.
DEFAULT_BOUNDARIES = (16, 32, 64, 128, 256, 512)
_NOTHING: list[Any] = []


class _Batch:
    """A batch that is being filled, and the sum of its elements' sizes."""

    __slots__ = ('elements', 'size')

    def __init__(self) -> None:
        self.elements: list[Any] = []
        self.size = 0


class _Batching(DoFn):
    """Fills batches in each window and bucket.

    Batches that become full while elements are processed are emitted as plain values, so that what is fused below runs
    before the function goes on: that is the time which is measured.

    Args:
      estimator: says how large batches are.
      size_of: the size of an element, if not 1.
      bucket_of: the bucket of an element, if there are several.
    """

    def __init__(self, estimator: BatchSizeEstimator, size_of: Callable[[Any], int] | None,
                 bucket_of: Callable[[Any], int] | None) -> None:
        self.estimator = estimator
        self.size_of = size_of
        self.bucket_of = bucket_of
        self.open: dict[Any, _Batch] = {}
        self.target = 0

    def start_bundle(self) -> None:
        self.open = {}
        self.target = self.estimator.next_size()

    def process(self, element: Any, window: Any = DoFn.WindowParam) -> Iterable[Any]:
        size = 1 if self.size_of is None else self.size_of(element)
        key = window if self.bucket_of is None else (window, self.bucket_of(element))
        batch = self.open.get(key)
        if batch is None:
            batch = self.open[key] = _Batch()
        emitted: Iterable[Any] = _NOTHING
        if batch.elements and batch.size + size > self.target:
            emitted = self._emit(batch)
            batch = self.open[key] = _Batch()
        elif len(self.open) > MAX_OPEN:
            emitted = self._evict()
        batch.elements.append(element)
        batch.size += size
        return emitted

    def _emit(self, batch: _Batch) -> Iterator[Any]:
        with self.estimator.measure(batch.size):
            yield batch.elements
        self.target = self.estimator.next_size()

    def _evict(self) -> list[Any]:
        key = max(self.open, key=lambda one: self.open[one].size)
        return [self._placed(key, self.open.pop(key))]

    def finish_bundle(self) -> list[Any]:
        return [self._placed(key, batch) for key, batch in self.open.items() if batch.elements]

    def _placed(self, key: Any, batch: _Batch) -> Any:
        self.estimator.note(batch.size)
        window = (key if self.bucket_of is None else key[0]) or GLOBAL_WINDOW
        return WindowedValue(batch.elements, window.max_timestamp(), (window,))


class _BatchingGlobally(_Batching):
    """The same where there is one window."""

    def process(self, element: Any) -> Iterable[Any]:  # type: ignore[override]
        return super().process(element, None)  # which is found faster than a window


class _Keying(DoFn):
    """Pairs ``((worker, bucket), element)``: a key for each process, and for each bucket of sizes.

    Args:
      bucket_of: the bucket of an element, if there are several.
    """

    def __init__(self, bucket_of: Callable[[Any], int] | None) -> None:
        self.bucket_of = bucket_of
        self.worker = ''

    def setup(self) -> None:
        self.worker = _worker()

    def process(self, element: Any) -> Iterator[Any]:
        yield (self.worker, 0 if self.bucket_of is None else self.bucket_of(element)), element


class _Waiting(DoFn):
    """Fills a batch for each key and window, until it is full, has waited long enough, or the window ends.

    Args:
      estimator: says how large batches are.
      size_of: the size of an element, if not 1.
      wait: for how many seconds a batch may wait for more elements.
    """

    ELEMENTS, SIZE = BagStateSpec('elements'), CombiningValueStateSpec('size', sum)
    WINDOW_END, WAITED = TimerSpec('window_end', TimeDomain.WATERMARK), TimerSpec('waited', TimeDomain.REAL_TIME)

    def __init__(self, estimator: BatchSizeEstimator, size_of: Callable[[Any], int] | None, wait: float) -> None:
        self.estimator = estimator
        self.size_of = size_of
        self.wait = wait

    def setup(self) -> None:
        self.target = self.estimator.next_size()

    def process(self, element: Any, window: Any = DoFn.WindowParam, elements: Any = DoFn.StateParam(ELEMENTS),
                size: Any = DoFn.StateParam(SIZE), window_end: Any = DoFn.TimerParam(WINDOW_END),
                waited: Any = DoFn.TimerParam(WAITED)) -> Iterator[Any]:
        weight = 1 if self.size_of is None else self.size_of(element[1])
        if not elements.is_empty() and size.read() + weight > self.target:
            yield from self._full(elements, size, window_end, waited)
        if elements.is_empty():
            window_end.set(window.end)
            waited.set_relative(self.wait)
        elements.add(element[1])
        size.add(weight)
        if size.read() >= self.target:
            yield from self._full(elements, size, window_end, waited)

    def _full(self, elements: Any, size: Any, *timers: Any) -> Iterator[Any]:
        """Gives a batch while what follows can be measured: it runs before the function goes on."""
        batch, total = elements.read(), size.read()
        for handle in (elements, size, *timers):
            handle.clear()
        with self.estimator.measure(total):
            yield batch
        self.target = self.estimator.next_size()

    @on_timer(WINDOW_END)
    @on_timer(WAITED)
    def flush(self, elements: Any = DoFn.StateParam(ELEMENTS), size: Any = DoFn.StateParam(SIZE),
              window_end: Any = DoFn.TimerParam(WINDOW_END), waited: Any = DoFn.TimerParam(WAITED)) -> list[Any]:
        """Gives what there is."""
        batch = elements.read()
        if batch:
            self.estimator.note(size.read())
        for handle in (elements, size, window_end, waited):
            handle.clear()
        return [batch] if batch else []


class _Bucket:
    """The number of the bucket of an element, by its length."""

    def __init__(self, length_fn: Callable[[Any], int], boundaries: Sequence[int]) -> None:
        self.length_fn = length_fn
        self.boundaries = boundaries

    def __call__(self, element: Any) -> int:
        return bisect_right(self.boundaries, self.length_fn(element))


def _end_of(batch: Any, window: Any = DoFn.WindowParam) -> Any:
    return window.max_timestamp()


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(list, (T,)))
class BatchElements(PTransform):
    """Lists of elements, for what follows to pay a fixed cost once for many of them.

    How large batches should be is learnt from how long what follows takes, in the same stage, for batches of several
    sizes (:mod:`bourne.sdk.transforms.batch_size`). For a fixed size set the least and greatest to the same. Batches
    hold elements of one window and one bundle (of several with ``max_batch_duration_secs``), and are emitted in that
    window, at its end; in sliding, session and custom windows those that become full within a bundle, and with
    ``max_batch_duration_secs`` all that become full, are emitted at the time of one of their elements.

    Args:
      min_batch_size: the least number of elements; the last batches of a bundle may have fewer.
      max_batch_size: the greatest number.
      target_batch_overhead: which share of the time the fixed cost should be, or less.
      target_batch_duration_secs: the seconds that the elements of a batch should take at most, beside the fixed cost.
      target_batch_duration_secs_including_fixed_cost: the seconds that a batch should take at most.
      max_batch_duration_secs: keep batches open from bundle to bundle, in state, for so many seconds at most. Use it
        in streams, whose bundles are small. There is a batch for each process, and what it takes is measured only for
        those that are full.
      element_size_fn: the size of an element, if they are not all 1. Sizes of batches are sums of these then.
      variance: by which share sizes are varied around the estimated one, in order to learn.
      clock: a clock that counts seconds.
      record_metrics: keep the distributions ``batch_size`` and ``msec_per_batch`` in the namespace ``BatchElements``.
      length_fn: the length of an element. Elements of similar length are put together: there are batches for each of
        the buckets that ``bucket_boundaries`` bound.
      bucket_boundaries: in increasing order, the least length of each bucket but the first; by default powers of two
        from 16 to 512.

    Raises:
      TransformError: if a number is out of range.
    """

    def __init__(self, min_batch_size: int = 1, max_batch_size: int = 10_000,
                 target_batch_overhead: float | None = 0.05, target_batch_duration_secs: float | None = 10,
                 target_batch_duration_secs_including_fixed_cost: float | None = None,
                 max_batch_duration_secs: float | None = None, *,
                 element_size_fn: Callable[[Any], int] | None = None, variance: float = 0.25,
                 clock: Callable[[], float] = time.perf_counter, record_metrics: bool = True,
                 length_fn: Callable[[Any], int] | None = None,
                 bucket_boundaries: Sequence[int] | None = None) -> None:
        super().__init__()
        if max_batch_duration_secs is not None and not max_batch_duration_secs > 0:
            raise TransformError(f'BatchElements: max_batch_duration_secs must be positive, '
                                 f'got {max_batch_duration_secs!r}')
        if bucket_boundaries is not None and length_fn is None:
            raise TransformError('BatchElements: bucket_boundaries bound what length_fn gives, and there is none')
        self._estimator = BatchSizeEstimator(
            min_batch_size, max_batch_size, target_batch_overhead, target_batch_duration_secs,
            target_batch_duration_secs_including_fixed_cost, variance, clock, record_metrics)
        self._size_of = element_size_fn
        self._wait = max_batch_duration_secs
        self._bucket_of = None if length_fn is None else _Bucket(length_fn, checked_boundaries(bucket_boundaries))

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        windowfn = source.windowing.windowfn
        if self._wait is not None:
            batched = (source
                       | 'Key' >> ParDo(_Keying(self._bucket_of)).with_output_types(
                           typehints.KV[typehints.Any, source.element_type])
                       | 'Batch' >> ParDo(_Waiting(self._estimator, self._size_of, self._wait)))
            assert isinstance(batched, PCollection)
            return batched
        batching = _BatchingGlobally if isinstance(windowfn, GlobalWindows) else _Batching
        made = source | 'Batch' >> ParDo(batching(self._estimator, self._size_of, self._bucket_of))
        if isinstance(windowfn, (GlobalWindows, FixedWindows)):  # whose last instant is in no other window
            made = made | 'AtEndOfWindow' >> WithTimestamps(_end_of)
        assert isinstance(made, PCollection)
        return made


def checked_boundaries(boundaries: Sequence[int] | None) -> tuple[int, ...]:
    """The bounds of buckets.

    Raises:
      TransformError: if they are not positive and increasing.
    """
    found = DEFAULT_BOUNDARIES if boundaries is None else tuple(boundaries)
    if not found or found[0] <= 0 or any(one >= other for one, other in pairwise(found)):
        raise TransformError(f'bucket_boundaries must be positive and increasing, got {boundaries!r}')
    return found


def size_of(element: Any) -> int:
    """The length of an element that has one; 1 otherwise."""
    try:
        return len(element)
    except TypeError:
        return 1


class _Sorting(DoFn):
    """Collects a bundle, and emits it by size.

    Args:
      most: how many elements a batch may have.
      most_weight: how much they may weigh.
      size_of: what an element weighs.
    """

    def __init__(self, most: int, most_weight: int, size_of: Callable[[Any], int]) -> None:
        self.most = most
        self.most_weight = most_weight
        self.size_of = size_of
        self.open: dict[Any, list[tuple[int, Any]]] = {}

    def start_bundle(self) -> None:
        self.open = {}

    def process(self, element: Any, window: Any = DoFn.WindowParam) -> None:
        self.open.setdefault(window, []).append((self.size_of(element), element))

    def finish_bundle(self) -> Iterator[Any]:
        for window, sized in self.open.items():
            sized.sort(key=lambda pair: pair[0])
            for batch in self._batches(sized):
                yield WindowedValue(batch, window.max_timestamp(), (window,))

    def _batches(self, sized: Iterable[tuple[int, Any]]) -> Iterator[list[Any]]:
        batch: list[Any] = []
        weight = 0
        for size, element in sized:
            if batch and (len(batch) >= self.most or weight + size > self.most_weight):
                yield batch
                batch, weight = [], 0
            batch.append(element)
            weight += size
        if batch:
            yield batch


@typehints.with_input_types(T)
@typehints.with_output_types(typehints.generic(list, (T,)))
class SortAndBatchElements(PTransform):
    """Lists of elements of about the same size, in increasing order of size.

    The elements of a bundle are collected and sorted; batches hold elements of one window, and are emitted in it, at
    its end. Use it where elements of a batch are padded to the largest of them.

    Args:
      min_batch_size: Beam's option. A batch has fewer elements where more would weigh too much, or there are no more.
      max_batch_size: how many elements a batch has at most.
      max_batch_weight: how much they weigh at most, all together; a heavier element has a batch of its own.
      element_size_fn: what an element weighs; by default its length, or 1 if it has none.

    Raises:
      TransformError: if a number is out of range.
    """

    def __init__(self, min_batch_size: int, max_batch_size: int, max_batch_weight: int,
                 element_size_fn: Callable[[Any], int] | None = None) -> None:
        super().__init__()
        if min_batch_size < 1:
            raise TransformError(f'SortAndBatchElements: min_batch_size must be at least 1, got {min_batch_size!r}')
        if max_batch_size < min_batch_size:
            raise TransformError(f'SortAndBatchElements: max_batch_size={max_batch_size!r} is less than '
                                 f'min_batch_size={min_batch_size!r}')
        if max_batch_weight < 1:
            raise TransformError(f'SortAndBatchElements: max_batch_weight must be at least 1, got {max_batch_weight!r}')
        if element_size_fn is not None and not callable(element_size_fn):
            raise TransformError(f'SortAndBatchElements: element_size_fn is a function, got {element_size_fn!r}')
        self._fn = _Sorting(max_batch_size, max_batch_weight, element_size_fn or size_of)

    def expand(self, pcoll: Any) -> PCollection[Any]:
        made = one_input(self, pcoll) | 'SortAndBatch' >> ParDo(self._fn)
        assert isinstance(made, PCollection)
        return made


class WithLengthBucketKey(DoFn):
    """Pairs ``((worker, bucket), element)``: the key is one for elements of similar length on one worker.

    Args:
      length_fn: the length of an element.
      bucket_boundaries: in increasing order, the least length of each bucket but the first.
    """

    def __init__(self, length_fn: Callable[[Any], int], bucket_boundaries: Sequence[int]) -> None:
        self._bucket_of = _Bucket(length_fn, checked_boundaries(bucket_boundaries))
        self._worker = ''

    def setup(self) -> None:
        self._worker = _worker()

    def process(self, element: Any) -> Iterator[Any]:
        yield (self._worker, self._bucket_of(element)), element


@cache
def _worker() -> str:
    """A name for this process."""
    from uuid import uuid4

    return uuid4().hex
