"""``Create`` and ``Impulse``: collections from values that the program has at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import BoundedReader, Source
from bourne.sdk.model.timestamp import MIN_TIMESTAMP
from bourne.sdk.model.window import TimestampedValue
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.read import read

if TYPE_CHECKING:
    from bourne.sdk.pipeline import Pipeline

#: How many elements tell the size of a created collection.
SAMPLE = 16
#: What is taken for the size of one that does not tell it, in bytes.
UNKNOWN = 64


@portable
@attrs.frozen(repr=False)
class CreateSource(Source[Any]):
    """Holds its elements.

    Attributes:
      values: the elements.
      timestamps: their times in microseconds, if they have any.
    """

    values: Sequence[Any]
    timestamps: Sequence[int] | None = None

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        count = len(self.values)
        parts = min(max(desired, 1), count)
        return [(count * part // parts, count * (part + 1) // parts) for part in range(parts)]

    def open(self, split: tuple[int, int], position: int | None = None) -> BoundedReader[Any]:
        start, stop = split
        times = self.timestamps[start:stop] if self.timestamps is not None else None
        return BoundedReader(self.values[start:stop], times, position or 0)

    def size(self, split: tuple[int, int]) -> int:
        start, stop = split
        sample = self.values[start:stop:max(1, (stop - start) // SAMPLE)]
        return sum(sys.getsizeof(value, UNKNOWN) for value in sample) * (stop - start) // len(sample)


class Create(PTransform):
    """A collection of given values.

    Args:
      values: an iterable of elements; of a dict, its items. A ``TimestampedValue`` gives its element a time.
      reshuffle: Beam's option; bourne splits what is large by itself, so it has no effect on results.
    """

    def __init__(self, values: Iterable[Any], reshuffle: bool = True) -> None:
        super().__init__()
        if isinstance(values, (str, bytes)):
            raise TransformError(f'Create takes an iterable of elements, got the {type(values).__name__} {values!r}; '
                                 f'write Create([{values!r}]) for one element')
        if not isinstance(values, Iterable) or isinstance(values, PCollection):
            raise TransformError(f'Create takes an iterable of elements, got {values!r}')
        self.values = tuple(values.items() if isinstance(values, Mapping) else values)

    def default_label(self) -> str:
        return 'Create'

    def source(self) -> CreateSource:
        """The elements, those with a time taken apart."""
        if not any(type(value) is TimestampedValue for value in self.values):
            return CreateSource(self.values)
        timed = [value if type(value) is TimestampedValue else TimestampedValue(value, MIN_TIMESTAMP)
                 for value in self.values]
        return CreateSource(tuple(item.value for item in timed), tuple(item.micros for item in timed))

    def expand(self, pbegin: Any) -> PCollection[Any]:
        source = self.source()
        return read(self, pbegin, source, typehints.infer_all(source.values))


class Impulse(PTransform):
    """A collection of one element, the empty bytes."""

    def expand(self, pbegin: Any) -> PCollection[bytes]:
        return read(self, pbegin, CreateSource((b'',)), bytes)


def nothing(pipeline: Pipeline) -> PCollection[Any]:
    """Expands the transform that is being applied to a collection without elements."""
    made = pipeline.add(nodes.Read(CreateSource(())))[MAIN]
    assert isinstance(made, PCollection)
    return made
