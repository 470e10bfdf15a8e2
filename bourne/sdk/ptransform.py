"""``PTransform``: a step of a pipeline, primitive or made of others."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from bourne.errors import TransformError
from bourne.sdk.display import HasDisplayData
from bourne.sdk.pcollection import DoOutputsTuple, PBegin, PCollection, PValue
from bourne.sdk.resources import parse_resource_hints
from bourne.sdk.typehints import IOTypeHints, WithTypeHints, get_type_hints

if TYPE_CHECKING:
    from bourne.sdk.pipeline import Pipeline


class PTransform(WithTypeHints, HasDisplayData):
    """A step of a pipeline. Subclasses define :meth:`expand` by applying other transforms.

    Args:
      label: the name of the step; ``'name' >> transform`` does the same.
    """

    label: str | None = None
    #: A pipeline that the transform belongs to even where its input does not tell (``Create`` in a composite).
    pipeline: Any = None

    def __init__(self, label: str | None = None) -> None:
        super().__init__()
        self.label = label

    def default_label(self) -> str:
        """The label of a step that is given none."""
        return type(self).__name__

    def full_label(self) -> str:
        """The label that the step will have within its scope."""
        return self.label or self.default_label()

    def default_type_hints(self) -> Any:
        """What the annotations of :meth:`expand` say of the collections' elements."""
        found = IOTypeHints.from_callable(self.expand)
        return found and found.strip_pcoll(PCollection)

    def expand(self, input_or_inputs: Any) -> Any:
        """Applies the transforms that this one is made of.

        Args:
          input_or_inputs: what the step is applied to: a collection, a tuple or dict of them, or a ``PBegin``.

        Returns:
          The output: a collection, a tuple or dict of them, or ``None``.
        """
        raise NotImplementedError(f'{type(self).__name__} must define expand(self, pcoll)')

    def with_resource_hints(self, **hints: Any) -> PTransform:
        """The same transform, with hints about what it needs to run (``min_ram='4GB'``)."""
        own = dict(getattr(self, '_resource_hints', {}))
        own.update(parse_resource_hints(hints))
        self._resource_hints = own
        return self

    def get_resource_hints(self) -> dict[str, Any]:
        """The hints given so far."""
        return dict(getattr(self, '_resource_hints', {}))

    def __or__(self, right: Any) -> _Chained:
        """``transform | transform``: one after the other, as one transform."""
        if not isinstance(right, PTransform):
            return NotImplemented
        return _Chained(self, right)

    def __rrshift__(self, label: str) -> PTransform:
        """``'label' >> transform``."""
        if not isinstance(label, str):
            raise TransformError(f'the label on the left of >> must be a string, got {label!r}')
        named = copy.copy(self)
        named.label = label
        return named

    def __ror__(self, left: Any) -> Any:
        """``left | transform`` where left is a tuple or dict of collections, or a plain iterable of elements.

        Elements are put through a pipeline of their own, which runs at once; the result is a list
        (a dict of lists where the transform has several outputs).
        """
        pipeline = find_pipeline(left)
        if pipeline is not None:
            return pipeline.apply(self, left)
        return on_plain_input(left, self)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} PTransform {self.full_label()!r}>'


class _Chained(PTransform):
    """``a | b`` without an input yet."""

    def __init__(self, *parts: PTransform) -> None:
        super().__init__()
        self.parts = parts

    def default_label(self) -> str:
        return '|'.join(part.full_label() for part in self.parts)

    def expand(self, input_or_inputs: Any) -> Any:
        return functools.reduce(lambda value, part: value | part, self.parts, input_or_inputs)

    def __or__(self, right: Any) -> _Chained:
        if not isinstance(right, PTransform):
            return NotImplemented
        return _Chained(*self.parts, right)


def pvalues_of(value: Any) -> list[PValue]:
    """The pipeline values in a value: itself, or those in a tuple, list, dict or group of outputs."""
    if isinstance(value, PValue):
        return [value]
    if isinstance(value, DoOutputsTuple):
        return list(value)
    if isinstance(value, dict):
        return [found for item in value.values() for found in pvalues_of(item)]
    if isinstance(value, (tuple, list)):
        return [found for item in value for found in pvalues_of(item)]
    return []


def find_pipeline(value: Any) -> Pipeline | None:
    """The pipeline that a value's collections belong to, or ``None`` if it holds none."""
    found = pvalues_of(value)
    if found:
        return found[0].pipeline
    own = getattr(value, 'pipeline', None)
    return own if own is not None and hasattr(own, 'apply') else None


def _refuse(elements: Any, transform: PTransform) -> Any:
    raise TransformError(f'{transform.full_label()} was applied to {elements!r}, which is neither a pipeline, '
                         f'nor a PCollection, nor an iterable of elements')


#: What ``elements | transform`` does. ``bourne.sdk.eager`` sets it: running needs a pipeline, which needs this file.
on_plain_input: Callable[[Any, PTransform], Any] = _refuse


class _FunctionTransform(PTransform):
    """A transform made by :func:`ptransform_fn`."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self._fn = fn
        self._args = args
        self._kwargs = kwargs

    def default_label(self) -> str:
        return self._fn.__name__

    def default_type_hints(self) -> Any:
        return get_type_hints(self._fn)

    def expand(self, input_or_inputs: Any) -> Any:
        return self._fn(input_or_inputs, *self._args, **self._kwargs)


def ptransform_fn(fn: Callable[..., Any]) -> Callable[..., PTransform]:
    """Makes a transform of a function whose first argument is the input: ``pcoll | my_transform(2)``.

    Args:
      fn: takes the input and the transform's arguments, and returns the output.
    """

    @functools.wraps(fn)
    def make(*args: Any, **kwargs: Any) -> PTransform:
        return _FunctionTransform(fn, args, kwargs)

    return make


def label_from_callable(fn: Any) -> str:
    """How a function is called in a label: its name, or file and line of a lambda."""
    if hasattr(fn, 'default_label'):
        return str(fn.default_label())
    name = getattr(fn, '__name__', None)
    if name is None:
        inner = getattr(fn, 'func', None)  # functools.partial
        return label_from_callable(inner) if inner is not None else type(fn).__name__
    code = getattr(fn, '__code__', None)
    if name == '<lambda>' and code is not None:
        file = code.co_filename.replace('\\', '/').rsplit('/', 1)[-1]
        return f'<lambda at {file}:{code.co_firstlineno}>'
    return str(name)


def one_input(transform: PTransform, value: Any) -> PCollection[Any]:
    """The single collection that a transform needs.

    Raises:
      TransformError: if it was applied to something else.
    """
    if isinstance(value, PCollection):
        return value
    what = 'the pipeline itself' if isinstance(value, PBegin) else repr(value)
    hint = ' (start with Create or a Read transform)' if isinstance(value, PBegin) else ''
    raise TransformError(f'{transform.full_label()} takes one PCollection, but was applied to {what}{hint}')


def many_inputs(transform: PTransform, value: Any) -> list[PCollection[Any]]:
    """The collections of a tuple, list or other iterable that a transform needs.

    Raises:
      TransformError: if it was applied to something else.
    """
    if isinstance(value, PCollection) or not isinstance(value, (Iterable, DoOutputsTuple)):
        raise TransformError(f'{transform.full_label()} takes a tuple or list of PCollections, but was applied to '
                             f'{value!r}')
    items = list(value)
    for item in items:
        if not isinstance(item, PCollection):
            raise TransformError(f'{transform.full_label()} takes PCollections, but one of its inputs is {item!r}')
    return items
