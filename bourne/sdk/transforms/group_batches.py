"""``GroupIntoBatches``: the values of each key in lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CountCombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import unpack_pair
from bourne.sdk.model.state import BagStateSpec, CombiningValueStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.pardo import ParDo
from bourne.sdk.typehints import ShardedKey

#: The values of a key are spread over so many shards, one after the other.
SHARDS = 32


class Batching(DoFn):
    """Fills a batch for each key and window, until it is full, has waited long enough, or the window ends.

    Args:
      size: how many values a batch has at most.
      wait: for how many seconds one may wait for more values; ``None`` for ever.
      clock: what that goes by; ``None`` for the runner's own clock.
    """

    VALUES, COUNT = BagStateSpec('values'), CombiningValueStateSpec('count', CountCombineFn())
    WINDOW_END, WAITED = TimerSpec('window_end', TimeDomain.WATERMARK), TimerSpec('waited', TimeDomain.REAL_TIME)

    def __init__(self, size: int, wait: float | None, clock: Callable[[], Any] | None) -> None:
        self.size = size
        self.wait = wait
        self.clock = clock

    def process(self, element: Any, window: Any = DoFn.WindowParam, values: Any = DoFn.StateParam(VALUES),
                count: Any = DoFn.StateParam(COUNT), window_end: Any = DoFn.TimerParam(WINDOW_END),
                waited: Any = DoFn.TimerParam(WAITED)) -> Iterable[Any] | None:
        key, value = element
        values.add(value)
        count.add(1)
        held = count.read()
        if held >= self.size:
            return self._batch(key, values, count, window_end, waited)
        if held == 1:
            window_end.set(window.end)
            if self.wait and self.clock is not None:
                waited.set(self.clock() + self.wait)
            elif self.wait:
                waited.set_relative(self.wait)
        return None

    @on_timer(WINDOW_END)
    @on_timer(WAITED)
    def flush(self, key: Any = DoFn.KeyParam, values: Any = DoFn.StateParam(VALUES),
              count: Any = DoFn.StateParam(COUNT), window_end: Any = DoFn.TimerParam(WINDOW_END),
              waited: Any = DoFn.TimerParam(WAITED)) -> Iterable[Any]:
        """Gives what there is."""
        return self._batch(key, values, count, window_end, waited)

    @staticmethod
    def _batch(key: Any, values: Any, *others: Any) -> list[Any]:
        batch = values.read()
        for handle in (values, *others):  # a key that nothing is remembered for takes no memory
            handle.clear()
        return [(key, batch)] if batch else []


class _Shard(DoFn):
    """Makes sharded keys of keys. The next shard begins with a bundle, when the last one got enough elements for a
    batch: that does not depend on where the function runs, so that a repeated task gives the same.

    Args:
      size: how many values a batch has at most.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.shard = self.taken = 0

    def start_bundle(self) -> None:
        if self.taken >= self.size:
            self.shard = (self.shard + 1) % SHARDS
            self.taken = 0
        self.name = self.shard.to_bytes(2, 'big')

    def process(self, element: Any) -> Iterator[Any]:
        self.taken += 1
        key, value = unpack_pair(element)
        yield ShardedKey(key, self.name), value


class GroupIntoBatches(PTransform):
    """From pairs ``(key, value)`` to pairs of a key and a list of at most ``batch_size`` of its values, per window.

    A list is emitted as soon as it is full; one that is not at the end of its window, or when it has waited for
    ``max_buffering_duration_secs``.

    Args:
      batch_size: how many values a list has at most.
      max_buffering_duration_secs: how long a list may wait for more values; 0 or ``None`` is no limit.
      clock: the clock that this goes by, in seconds since the epoch; by default the runner's.

    Raises:
      TransformError: if a number is out of range.
    """

    def __init__(self, batch_size: int, max_buffering_duration_secs: float | None = None,
                 clock: Callable[[], Any] = time.time) -> None:
        super().__init__()
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise TransformError(f'GroupIntoBatches: batch_size must be a positive int, got {batch_size!r}')
        if max_buffering_duration_secs is not None and not max_buffering_duration_secs >= 0:
            raise TransformError(f'GroupIntoBatches: max_buffering_duration_secs must be at least 0 (no limit), got '
                                 f'{max_buffering_duration_secs!r}')
        self.batch_size = batch_size
        self.max_buffering_duration_secs = max_buffering_duration_secs
        self.clock = clock

    def default_label(self) -> str:
        return f'GroupIntoBatches({self.batch_size})'

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        key, value = typehints.key_value_types(source.element_type, self.full_label(), 'GroupIntoBatches')
        batching = Batching(self.batch_size, self.max_buffering_duration_secs,
                            None if self.clock is time.time else self.clock)
        made = source | 'Batch' >> ParDo(batching).with_output_types(
            typehints.generic(tuple, (key, typehints.generic(list, (value,)))))
        assert isinstance(made, PCollection)
        return made

    class WithShardedKey(PTransform):
        """The same with sharded keys: pairs of a ``ShardedKey`` and a list. The values of a key are spread over
        several shards, so that one with many values is not all batched in one place.

        Args:
          batch_size: how many values a list has at most.
          max_buffering_duration_secs: how long a list may wait for more values.
          clock: the clock that this goes by.
        """

        def __init__(self, batch_size: int, max_buffering_duration_secs: float | None = None,
                     clock: Callable[[], Any] = time.time) -> None:
            super().__init__()
            self._batching = GroupIntoBatches(batch_size, max_buffering_duration_secs, clock)

        def default_label(self) -> str:
            return f'GroupIntoBatches.WithShardedKey({self._batching.batch_size})'

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            key, value = typehints.key_value_types(source.element_type, self.full_label(), 'GroupIntoBatches')
            sharded = ParDo(_Shard(self._batching.batch_size)).with_output_types(
                typehints.generic(tuple, (typehints.generic(ShardedKey, (key,)), value)))
            made = source | 'Shard' >> sharded | self._batching
            assert isinstance(made, PCollection)
            return made
