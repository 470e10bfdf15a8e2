"""``[1, 2, 3] | Map(...)``: elements without a pipeline run through one of their own, at once.

Importing this module switches it on; ``bourne`` does so.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from bourne.errors import TransformError
from bourne.sdk import ptransform
from bourne.sdk.model.known import short
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.pcollection import DoOutputsTuple, PCollection
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.write import Write

#: What was committed in this process, by the sink's key, until it is picked up.
_committed: dict[str, list[Any]] = {}


@portable
@attrs.frozen(repr=False)
class _Collect(Sink[Any]):
    """Brings elements to the process that commits, which is the one that started the run."""

    key: str

    def open(self, task: WriteTask) -> Writer[Any]:
        return _Collector()

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        # Only if somebody waits for it: a graph that was saved and is run elsewhere has nobody.
        if self.key in _committed:
            _committed[self.key] = [value for _, values in prepared for value in values]
        return ()


class _Collector(Writer[Any]):
    def __init__(self) -> None:
        self.values: list[Any] = []

    def write(self, values: Sequence[Any]) -> None:
        self.values.extend(values)

    def prepare(self) -> list[Any]:
        return self.values

    def abort(self) -> None:
        self.values = []


class Outputs:
    """The elements of a step with several outputs, by order, attribute and tag, as in ``DoOutputsTuple``."""

    def __init__(self, lists: dict[str | None, list[Any]], main: str | None) -> None:
        self._lists = lists
        self._main = main

    def __iter__(self) -> Iterator[list[Any]]:
        return iter([self._lists[tag] for tag in self._tags()])

    def __len__(self) -> int:
        return len(self._tags())

    def _tags(self) -> list[str | None]:
        named = [tag for tag in self._lists if tag is not None]
        return [None, *named] if self._main is not None else list(named)

    def __getitem__(self, tag: str | int | None) -> list[Any]:
        if isinstance(tag, int):
            tag = self._tags()[tag]
        if tag is not None and tag == self._main and tag not in self._lists:
            tag = None
        if tag not in self._lists:
            names = ', '.join(repr(name) for name in self._lists if name is not None)
            raise KeyError(f'no output is tagged {tag!r}; there are {names or "no tagged outputs"}. When elements are '
                           f'put through a step at once, tags must be declared: with_outputs({tag!r}, ...)')
        return self._lists[tag]

    def __getattr__(self, tag: str) -> list[Any]:
        if tag.startswith('_'):
            raise AttributeError(tag)
        try:
            return self[tag]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __repr__(self) -> str:
        shown = {self._main if tag is None else tag: values for tag, values in self._lists.items()
                 if values or tag is not None or self._main is not None}  # a Partition has no main output
        return f'Outputs({shown!r})'


def run_eagerly(elements: Any, transform: PTransform) -> Any:
    """Puts elements through a transform, in a pipeline with default options.

    Args:
      elements: an iterable of elements; or a tuple or dict of such, for transforms of several inputs.
      transform: the transform.

    Returns:
      The output's elements as a list, in no particular order; a dict or tuple of lists where the transform returns
      a dict or tuple of collections, and :class:`Outputs` where it returns tagged outputs.

    Raises:
      TransformError: if ``elements`` is not iterable, or an empty tuple or dict of collections and the transform
        knows no pipeline.
      Exception: a user function's own.
    """
    if isinstance(elements, (tuple, dict)) and not elements:
        return _apply_to_nothing(transform, elements)
    pipeline = Pipeline()
    output = pipeline.apply(transform, _create(pipeline, elements, transform, [0]))
    keys: dict[str, str] = {}
    try:
        for collection in dict.fromkeys(_collections(output)):
            key = keys[collection.id] = uuid.uuid4().hex
            _committed[key] = []
            pipeline.apply(Write(_Collect(key)), collection, f'Collect[{collection.id}]')
        pipeline.run().wait_until_finish()
        return _replace(output, {name: _committed[key] for name, key in keys.items()})
    finally:
        for key in keys.values():
            del _committed[key]


def _apply_to_nothing(transform: PTransform, inputs: Any) -> Any:
    """Applies a transform to no collection at all, in the pipeline that it was given: ``() | Flatten(pipeline=p)``."""
    if transform.pipeline is None:
        raise TransformError(f'{transform.full_label()} was applied to no collection and knows no pipeline; give it '
                             f'one: {type(transform).__name__}(pipeline=p)')
    return transform.pipeline.apply(transform, inputs)


def _create(pipeline: Pipeline, elements: Any, transform: PTransform, counter: list[int]) -> Any:
    """Collections in place of iterables."""
    if isinstance(elements, tuple):
        return tuple(_create(pipeline, one, transform, counter) for one in elements)
    if isinstance(elements, dict):
        return {name: _create(pipeline, one, transform, counter) for name, one in elements.items()}
    if not isinstance(elements, Iterable) or isinstance(elements, (str, bytes)):
        raise TransformError(f'{transform.full_label()} was applied to {short(elements)} ({type(elements).__name__}), '
                             f'which is neither a pipeline, nor a PCollection, nor an iterable of elements')
    counter[0] += 1
    return pipeline.apply(Create(elements), None, f'Elements[{counter[0]}]')


def _collections(output: Any) -> Iterator[PCollection[Any]]:
    if isinstance(output, DoOutputsTuple):
        yield from output._outputs.values()
        return
    yield from (item for item in ptransform.pvalues_of(output) if isinstance(item, PCollection))


def _replace(output: Any, lists: dict[str, list[Any]]) -> Any:
    """Lists in place of collections."""
    match output:
        case PCollection():
            return lists[output.id]
        case DoOutputsTuple():
            return Outputs({tag: lists[item.id] for tag, item in output._outputs.items()}, output._main)
        case dict():
            return {name: _replace(item, lists) for name, item in output.items()}
        case tuple() | list():
            return tuple(_replace(item, lists) for item in output)
    return None


ptransform.on_plain_input = run_eagerly
