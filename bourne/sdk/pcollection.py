"""What transforms take and give: collections, the begin of a pipeline, and groups of outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bourne.errors import PipelineError
from bourne.sdk.graph import outline
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.typehints import describe

if TYPE_CHECKING:
    from bourne.sdk.pipeline import Pipeline

T = TypeVar('T')


class PValue:
    """Something in a pipeline that transforms can be applied to with ``|``."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def __or__(self, transform: Any) -> Any:
        return self.pipeline.apply(transform, self)

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """Applies a transform, as ``|`` does: ``pcoll.apply(transform)`` or ``pcoll.apply('label', transform)``."""
        arguments = list(args)
        if isinstance(arguments[0], str):
            label, transform = arguments[:2]
            return self.pipeline.apply(label >> transform, self)
        return self.pipeline.apply(arguments[0], self, **kwargs)


class PBegin(PValue):
    """Where a pipeline begins: the input of transforms that read or create."""

    def __repr__(self) -> str:
        return 'PBegin'


class PDone(PValue):
    """The output of a transform that has none."""

    def __repr__(self) -> str:
        return 'PDone'


class PCollection(PValue, Generic[T]):
    """A collection of elements, bounded or unbounded, in a pipeline. A description: it holds no data.

    Attributes:
      pipeline: the pipeline that it is part of.
      id: its name in the graph.
      windowing: its windowing strategy.
      is_bounded: False if it may have no end.
      element_type: the type of its elements as far as it is known, a ``typing`` object.
      producer: the full label of the transform whose output it is.
    """

    def __init__(self, pipeline: Pipeline, id: str, windowing: Windowing, is_bounded: bool = True,
                 element_type: Any = Any, producer: str = '') -> None:
        super().__init__(pipeline)
        self.id = id
        self.windowing = windowing
        self.is_bounded = is_bounded
        self.element_type = element_type
        self.producer = producer

    def __iter__(self) -> Iterator[T]:
        raise TypeError(f'{self!r} is a description without data and cannot be iterated over. To look at its elements, '
                        f'apply a transform (beam.Map(print)), test it with assert_that, or give it to another '
                        f'transform as a side input: AsIter(pcoll)')

    def __bool__(self) -> bool:
        raise TypeError(f'{self!r} is a description without data: it is neither true nor false while the pipeline is '
                        f'built. Use `is None` to ask whether there is a collection')

    def __hash__(self) -> int:
        return hash((id(self.pipeline), self.id))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PCollection) and self.pipeline is other.pipeline and self.id == other.id

    def __repr__(self) -> str:
        from_ = f' from {self.id!r}' if self.id else ''
        return f'<PCollection{from_}>'

    def _repr_html_(self) -> str:
        """What a notebook shows: label, element type and windowing, and no data, for there is none."""
        from html import escape

        facts = {'from': self.id, 'elements': describe(self.element_type),
                 'windowing': outline.windowing(self.windowing) or 'GlobalWindows()',
                 'size': 'bounded' if self.is_bounded else 'unbounded'}
        rows = ''.join(f'<tr><td>{name}</td><td style="text-align: left"><code>{escape(text)}</code></td></tr>'
                       for name, text in facts.items())
        return f'<table><tr><th colspan="2" style="text-align: left">PCollection</th></tr>{rows}</table>'

    def __reduce__(self) -> Any:
        raise PipelineError(f'{self!r} was captured by a function or object that is sent to workers. A collection is '
                            f'only a description; pass it as a side input: AsIter(pcoll) or AsSingleton(pcoll)')


class DoOutputsTuple:
    """The outputs of ``ParDo(...).with_outputs(...)``: iterable in order, by attribute, and by ``[tag]``.

    Args:
      pipeline: the pipeline.
      outputs: the collections by tag; the main one is ``None``.
      main: by what name the main output may be asked for.
      more: makes an output that was not declared, or ``None`` if only declared ones exist.
    """

    def __init__(self, pipeline: Pipeline, outputs: dict[str | None, PCollection[Any]], main: str | None,
                 more: Any = None) -> None:
        self.pipeline = pipeline
        self._outputs = outputs
        self._main = main
        self._more = more

    @property
    def tags(self) -> tuple[str | None, ...]:
        """The tags in order, the main output first if it has a name."""
        named = tuple(tag for tag in self._outputs if tag is not None)
        return (self._main, *named) if self._main is not None else named

    def __iter__(self) -> Iterator[PCollection[Any]]:
        if self._main is not None:
            yield self._outputs[None]
        yield from (value for tag, value in self._outputs.items() if tag is not None)

    def __len__(self) -> int:
        return len(self.tags)

    def __getitem__(self, tag: str | int | None) -> PCollection[Any]:
        if isinstance(tag, int):
            tag = self.tags[tag]
        if tag is None or (tag == self._main and tag not in self._outputs):
            return self._outputs[None]
        if tag not in self._outputs:
            if self._more is None:
                raise KeyError(f'no output is tagged {tag!r}; declared: {", ".join(map(repr, self.tags)) or "none"}')
            self._outputs[tag] = self._more(tag)
        return self._outputs[tag]

    def __getattr__(self, tag: str) -> PCollection[Any]:
        if tag.startswith('_'):
            raise AttributeError(tag)
        try:
            return self[tag]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def __repr__(self) -> str:
        return f'<DoOutputsTuple main={self._outputs[None]!r} tags={self.tags}>'

    def __or__(self, transform: Any) -> Any:
        return self.pipeline.apply(transform, tuple(self))
