"""``GroupIntoBatches``: the values of each key in lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bourne.errors import TransformError, UnsupportedError
from bourne.sdk import typehints
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import unpack_pair
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.batch import chunks
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import FlatMap, ParDo
from bourne.sdk.typehints import ShardedKey

#: The values of a key are spread over so many shards, one after the other with each bundle.
SHARDS = 32


def _batches(element: tuple[Any, Iterable[Any]], size: int) -> Iterator[tuple[Any, list[Any]]]:
    key, values = element
    for chunk in chunks(values, size):
        yield key, chunk


class _Shard(DoFn):
    """Makes sharded keys of keys. The shard depends on the bundle, so that a repeated task gives the same."""

    def __init__(self) -> None:
        self.bundles = -1
        self.shard = b''

    def start_bundle(self) -> None:
        self.bundles += 1
        self.shard = (self.bundles % SHARDS).to_bytes(2, 'big')

    def process(self, element: Any) -> Iterable[Any]:
        key, value = unpack_pair(element)
        return [(ShardedKey(key, self.shard), value)]


class GroupIntoBatches(PTransform):
    """From pairs ``(key, value)`` to pairs of a key and a list of at most ``batch_size`` of its values, per window.

    All lists of a key and window but one are full. The input must be bounded; batches that fill over time need state,
    which comes with streams.

    Args:
      batch_size: how many values a list has at most.
      max_buffering_duration_secs: how long a batch may wait for more values: of no effect on bounded data, which is
        there all at once.
      clock: the clock to wait by.

    Raises:
      TransformError: if a number is out of range.
      UnsupportedError: if it is applied to unbounded data.
    """

    def __init__(self, batch_size: int, max_buffering_duration_secs: float | None = None,
                 clock: Callable[[], float] = time.time) -> None:
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
        if not source.is_bounded:
            raise UnsupportedError(f'{self.full_label()}: {source!r} is unbounded, and batches that fill over time '
                                   f'need state, which comes with streams')
        key, value = typehints.key_value_types(source.element_type, self.full_label())
        batched = FlatMap(_batches, self.batch_size).with_output_types(
            typehints.generic(tuple, (key, typehints.generic(list, (value,)))))
        made = source | GroupByKey() | 'Batch' >> batched
        assert isinstance(made, PCollection)
        return made

    class WithShardedKey(PTransform):
        """The same with sharded keys: pairs of a ``ShardedKey`` and a list. The values of a key are spread over
        several shards, so that one with many values is not all batched in one place.

        Args:
          batch_size: how many values a list has at most.
          max_buffering_duration_secs: how long a batch may wait for more values.
          clock: the clock to wait by.
        """

        def __init__(self, batch_size: int, max_buffering_duration_secs: float | None = None,
                     clock: Callable[[], float] = time.time) -> None:
            super().__init__()
            self._batching = GroupIntoBatches(batch_size, max_buffering_duration_secs, clock)

        def default_label(self) -> str:
            return f'GroupIntoBatches.WithShardedKey({self._batching.batch_size})'

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            key, value = typehints.key_value_types(source.element_type, self.full_label())
            sharded = ParDo(_Shard()).with_output_types(
                typehints.generic(tuple, (typehints.generic(ShardedKey, (key,)), value)))
            made = source | 'Shard' >> sharded | self._batching
            assert isinstance(made, PCollection)
            return made
