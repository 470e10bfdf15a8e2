"""``Pipeline``: collects what the user says into a graph, and hands it to a runner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import attrs

from bourne.errors import PipelineError, TransformError
from bourne.sdk import resources, typehints
from bourne.sdk.display import DisplayData, HasDisplayData
from bourne.sdk.graph import check
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import MAIN, Collection, Composite, Payload, Transform
from bourne.sdk.location import user_location
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing
from bourne.sdk.options import OptionsContext, PipelineOptions, StandardOptions, TypeOptions, runner_name
from bourne.sdk.pcollection import DoOutputsTuple, PBegin, PCollection, PValue
from bourne.sdk.ptransform import PTransform, find_pipeline, pvalues_of
from bourne.sdk.runner import PipelineResult, PipelineRunner, find_runner
from bourne.sdk.value_provider import RuntimeValueProvider


@attrs.define
class _Scope:
    """A transform that is being applied."""

    label: str
    location: str
    hints: dict[str, Any]
    leaf: bool = False


class Pipeline:
    """A pipeline under construction. Transforms are applied with ``|``; nothing runs before :meth:`run`.

    As a context manager it runs at the end of the block and waits for the end::

        with Pipeline() as p:
            p | Create([1, 2, 3]) | Map(print)

    Args:
      runner: a runner's name or a runner; by default what the options say, and else the local one.
      options: the pipeline's options.
      argv: the options as a list of flags, instead.
      display_data: what to show of the pipeline: a dict of names and values.
    """

    def __init__(self, runner: str | PipelineRunner | type[PipelineRunner] | None = None,
                 options: PipelineOptions | None = None,
                 argv: list[str] | None = None, display_data: Mapping[str, Any] | None = None) -> None:
        if options is not None and not isinstance(options, PipelineOptions):
            raise TransformError(f'Pipeline: options must be PipelineOptions, got {options!r}')
        given = options if options is not None else PipelineOptions(argv if argv is not None else [])
        self.options = OptionsContext.augment_options(given)
        self.result: PipelineResult | None = None
        self._runner = runner
        self._transforms: list[Transform] = []
        self._collections: dict[str, Collection] = {}
        self._composites: list[Composite] = []
        self._labels: dict[str, str] = {}
        self._open: dict[str, int] = {}
        self._scopes: list[_Scope] = [_Scope('', '', resources.resource_hints_from_options(self.options))]
        self._display = dict(display_data or {})
        self._checks: list[Callable[[], None]] = []

    def __or__(self, transform: Any) -> Any:
        return self.apply(transform, PBegin(self))

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, exc_type: Any, exc: Any, traceback: Any) -> None:
        if exc_type is None:
            self.result = self.run()
            if not (self.result.detached or self.options.view_as(StandardOptions).no_wait_until_finish):
                self.result.wait_until_finish()

    def __repr__(self) -> str:
        return f'<Pipeline of {len(self._transforms)} transforms>'

    def __reduce__(self) -> Any:
        raise PipelineError('the pipeline itself was captured by a function or object that is sent to workers; '
                            'capture only the values that are needed there')

    def _repr_html_(self) -> str:
        return self.to_graph()._repr_html_()

    def apply(self, transform: Any, pvalueish: Any = None, label: str | None = None) -> Any:
        """Applies a transform, as ``|`` does.

        Args:
          transform: the transform.
          pvalueish: what it is applied to: a collection, a tuple or dict of them, or by default the pipeline.
          label: its label, if not its own.

        Returns:
          What its ``expand`` returns.

        Raises:
          PipelineError: if the label is taken, or an input belongs to another pipeline.
          TransformError: if the input does not suit it.
          bourne.errors.TypeCheckError: if the input's type does not suit its hints.
        """
        if not isinstance(transform, PTransform):
            raise TransformError(_not_a_transform(transform))
        value = PBegin(self) if pvalueish is None else pvalueish
        self._check_owner(transform.full_label(), value)
        with self._scope(transform, label or transform.full_label(), user_location()) as scope:
            checked = self.options.view_as(TypeOptions).pipeline_type_check
            inputs = pvalues_of(value)
            if checked:
                typehints.check_inputs(transform, scope.label, inputs)
            output = transform.expand(value)
            typehints.set_output_types(transform, inputs, output)
            if not scope.leaf:
                self._add_composite(transform, scope, inputs, output)
        return output

    def add(self, payload: Payload, inputs: Iterable[PCollection[Any]] = (), *,
            side_inputs: Iterable[PCollection[Any]] = (), tags: Iterable[str] = (),
            windowing: Windowing | None = None, bounded: bool | None = None,
            element_type: Any = Any, display: Mapping[str, Any] | None = None) -> dict[str, PCollection[Any]]:
        """Adds a primitive under the label of the transform that is being applied. For ``expand`` of primitives.

        Args:
          payload: what it does.
          inputs: its main inputs.
          side_inputs: its side inputs.
          tags: its additional outputs.
          windowing: the outputs' windowing; by default the first input's.
          bounded: whether the outputs end; by default whether all inputs do.
          element_type: the main output's element type.
          display: display data.

        Returns:
          The output collections by tag; the main one is ``MAIN``.
        """
        scope = self._scopes[-1]
        if not scope.label or scope.leaf:
            raise PipelineError('a primitive is added once, by the expand method of its own transform')
        scope.leaf = True
        main, side = list(inputs), list(side_inputs)
        self._check_owner(scope.label, [*main, *side])
        if windowing is None:
            windowing = main[0].windowing if main else DEFAULT_WINDOWING
        if bounded is None:
            bounded = all(item.is_bounded for item in main)
        outputs = {tag: self._add_collection(scope.label, tag, windowing, bounded, element_type if tag == MAIN else Any)
                   for tag in (MAIN, *tags)}
        self._transforms.append(Transform(
            scope.label, payload, tuple(item.id for item in main), tuple(item.id for item in side),
            {tag: item.id for tag, item in outputs.items()}, self._scopes[-2].label, scope.location,
            scope.hints, dict(display or {})))
        return outputs

    def add_output(self, collection: PCollection[Any], tag: str) -> PCollection[Any]:
        """One more tagged output of the primitive that made ``collection``."""
        label = collection.producer
        number = next(i for i, transform in enumerate(self._transforms) if transform.label == label)
        made = self._add_collection(label, tag, collection.windowing, collection.is_bounded, Any)
        before = self._transforms[number]
        payload: Any = before.payload
        self._transforms[number] = attrs.evolve(
            before, outputs={**before.outputs, tag: made.id},
            payload=attrs.evolve(payload, tags=(*payload.tags, tag)))
        return made

    def to_graph(self) -> Graph:
        """What was built so far, as an immutable graph; element types are as known by now."""
        graph = Graph(tuple(self._transforms), dict(self._collections), tuple(self._composites),
                      self.options.to_dict())
        check.check_structure(graph)
        return graph

    def run(self, test_runner_api: bool = True) -> PipelineResult:
        """Hands the pipeline to its runner.

        Returns:
          The run; the local runner's batch runs have ended by then.

        Raises:
          bourne.errors.OptionsError: if an option is unknown.
          bourne.errors.UnsupportedError: if the runner cannot do what the pipeline asks for.
          Exception: a user function's own, from runners that run the pipeline before they return.
        """
        self.options.check()
        for own in self._checks:
            own()
        graph = self.to_graph()
        check.check_semantics(graph)
        options = self.options.get_all_options()
        RuntimeValueProvider.set_runtime_options(options)
        before = RuntimeValueProvider.keep_in_thread(options)
        try:
            self.result = self._find_runner().run(self._prepare(graph), self.options)
        finally:
            RuntimeValueProvider.keep_in_thread(before)
            RuntimeValueProvider.set_runtime_options(None)
        return self.result

    def before_run(self, check: Callable[[], None]) -> None:
        """Has ``check`` called when the pipeline is run, to raise what can be known to be wrong only then."""
        self._checks.append(check)

    def free_label(self, label: str) -> str:
        """The label, with a number after it if a transform in the present scope has it already."""
        outer = f'{self._scopes[-1].label}/' if self._scopes[-1].label else ''
        numbered, number = label, 1
        while outer + numbered in self._labels:
            number += 1
            numbered = f'{label}_{number}'
        return numbered

    def _prepare(self, graph: Graph) -> Graph:
        """What the runner gets of a graph; test pipelines send it through JSON."""
        return graph

    def _find_runner(self) -> PipelineRunner:
        chosen = override.runner or self._runner
        if isinstance(chosen, type):
            return chosen()
        if isinstance(chosen, PipelineRunner):
            return chosen
        if chosen is not None:
            return find_runner(runner_name(chosen))
        return find_runner(runner_name(self.options.view_as(StandardOptions).runner))

    def _check_owner(self, label: str, value: Any) -> None:
        for item in pvalues_of(value):
            if item.pipeline is not self:
                raise PipelineError(f'{label}: the input {item!r} belongs to another pipeline')

    @contextmanager
    def _scope(self, transform: PTransform, label: str, location: str) -> Iterator[_Scope]:
        outer = self._scopes[-1]
        full = f'{outer.label}/{label}' if outer.label else label
        if full in self._labels and self.options.view_as(StandardOptions).auto_unique_labels:
            full = next(numbered for number in count(2) if (numbered := f'{full} ({number})') not in self._labels)
        if full in self._labels:
            raise PipelineError(
                f'a transform with the label {full!r} already exists in the pipeline (applied at '
                f'{self._labels[full]}). Give this one another label: "some label" >> {type(transform).__name__}(...)')
        self._labels[full] = location
        scope = _Scope(full, location, resources.merge_resource_hints(outer.hints, transform.get_resource_hints()))
        self._scopes.append(scope)
        # Room for the composite before its parts, in case it turns out to be one.
        self._open[full] = len(self._composites)
        try:
            yield scope
        finally:
            self._scopes.pop()
            self._open.pop(full, None)

    def _add_collection(self, label: str, tag: str, windowing: Windowing, bounded: bool,
                        element_type: Any) -> PCollection[Any]:
        name = f'{label}[{tag}]' if tag != MAIN else label
        if name in self._collections:
            raise PipelineError(f'the collection {name!r} already exists; give the transform {label!r} another label')
        self._collections[name] = Collection(name, windowing, bounded, typehints.describe(element_type))
        return PCollection(self, name, windowing, bounded, element_type, label)

    def set_type(self, collection: PCollection[Any], element_type: Any) -> None:
        """Says what the elements of a collection are."""
        collection.element_type = element_type
        self._collections[collection.id] = attrs.evolve(
            self._collections[collection.id], type=typehints.describe(element_type))

    def _add_composite(self, transform: PTransform, scope: _Scope, inputs: list[PValue], output: Any) -> None:
        self._composites.insert(self._open[scope.label], Composite(
            scope.label, self._scopes[-2].label, type(transform).__name__,
            tuple(item.id for item in inputs if isinstance(item, PCollection)),
            {str(number or ''): item.id for number, item in enumerate(pvalues_of(output))
             if isinstance(item, PCollection)},
            scope.location, _shown(transform)))


def _shown(transform: PTransform) -> dict[str, Any]:
    """A composite's display data, values by key."""
    if type(transform).display_data is HasDisplayData.display_data:  # most have none, and every one is asked
        return {}
    return {item['key']: item['value'] for item in DisplayData.create_from(transform).to_dict()['items']}


@attrs.define
class _Override:
    """A runner that every pipeline of the process uses instead of its own: how ``bourne explain`` sees a script's."""

    runner: PipelineRunner | None = None


override = _Override()


def _not_a_transform(transform: Any) -> str:
    if isinstance(transform, type) and issubclass(transform, PTransform):
        return (f'a PTransform instance is needed after |, got the class {transform.__name__}: '
                f'write {transform.__name__}()')
    if callable(transform):
        return f'a PTransform is needed after |, got the function {transform!r}: write Map(...) or ParDo(...) around it'
    return f'a PTransform is needed after |, got {transform!r}'


__all__ = ['DoOutputsTuple', 'Pipeline', 'find_pipeline', 'override']
