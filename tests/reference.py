"""The naive reference evaluator: what a graph means, said as plainly as possible.

It evaluates one transform after the other over plain lists of elements. There is no plan, no generated code, no
bundle of columns, and nothing of the engine's: it knows the model and the graph alone. An element that is in several
windows is several elements.
"""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import attrs

from bourne.errors import ExecutionError, UnsupportedError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.isolate import isolate
from bourne.sdk.graph.nodes import (
    MAIN,
    Collection,
    Combine,
    Flatten,
    GroupByKey,
    ParDo,
    Read,
    Reshuffle,
    SideArg,
    SideView,
    Transform,
    WindowInto,
    Write,
)
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.combinefn import CallableCombineFn, CombineFn
from bourne.sdk.model.dofn import BundleFinalizer, DoFn, DoFnParam, TaggedOutput
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.metric import MetricsContainer, current_container
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN, PaneInfo, PaneInfoTiming
from bourne.sdk.model.signature import ELEMENT, Call, plan_call
from bourne.sdk.model.sink import WriteTask
from bourne.sdk.model.state import CombiningValueStateSpec
from bourne.sdk.model.stateful import stateful_parts
from bourne.sdk.model.timestamp import MAX_MICROS, MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, DefaultTrigger, Windowing
from bourne.sdk.model.window import (
    GLOBAL_WINDOW,
    BoundedWindow,
    GlobalWindows,
    TimestampCombiner,
    TimestampedValue,
    WindowedValue,
    WindowFn,
)
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState
from tests.reference_panes import NaivePanes
from tests.reference_state import Entry, Memory, SetTimer

RUN = 'reference'
ONLY_PANE = PaneInfo(True, True, PaneInfoTiming.ON_TIME, 0, 0)


@attrs.frozen
class Element:
    """A value at a time, in a window, of a pane."""

    value: Any
    timestamp: Timestamp = MIN_TIMESTAMP
    window: BoundedWindow = GLOBAL_WINDOW
    pane: PaneInfo = PANE_INFO_UNKNOWN


Elements = list[Element]


class ReferenceRunner(PipelineRunner):
    """Runs pipelines by the reference evaluator."""

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        metrics = MetricsContainer()
        evaluate(isolate(graph), metrics)
        return _Result(metrics)


class _Result(PipelineResult):
    def __init__(self, metrics: MetricsContainer) -> None:
        self._metrics = metrics

    @property
    def state(self) -> str:
        return PipelineState.DONE

    def wait_until_finish(self, duration: float | None = None) -> str:
        return self.state

    def cancel(self) -> str:
        return self.state

    def metrics(self) -> MetricResults:
        return MetricResults(self._metrics)


def evaluate(graph: Graph, metrics: MetricsContainer | None = None) -> dict[str, Elements]:
    """Evaluates a whole graph.

    Args:
      graph: a graph that was checked, with functions that nobody else uses.
      metrics: collects what user functions count.

    Returns:
      The elements of every collection, by its id.
    """
    found: dict[str, Elements] = {}
    read = {name for transform in graph.transforms for name in (*transform.inputs, *transform.side_inputs)}
    commits: list[Callable[[], Any]] = []
    cleanups: list[Callable[[], Any]] = []
    container = MetricsContainer() if metrics is None else metrics
    try:
        for transform in graph.transforms:
            container.default_step = transform.label
            with current_container(container):
                outputs = _evaluate(graph, transform, found, read, commits, cleanups)
            for tag, name in transform.outputs.items():
                found[name] = outputs.get(tag, [])
        for commit in commits:
            commit()
    finally:
        for cleanup in cleanups:
            cleanup()
    return found


def _evaluate(graph: Graph, transform: Transform, found: Mapping[str, Elements], read: set[str],
              commits: list[Callable[[], Any]], cleanups: list[Callable[[], Any]]) -> dict[str, Elements]:
    """The outputs of one transform, by tag."""
    inputs = [found[name] for name in transform.inputs]
    windowing = graph.collections[transform.inputs[0]].windowing if transform.inputs else DEFAULT_WINDOWING
    match transform.payload:
        case Read(source=source):
            return {MAIN: _read(source)}
        case Flatten():
            return {MAIN: [element for elements in inputs for element in elements]}
        case Reshuffle():
            return {MAIN: list(inputs[0])}
        case WindowInto(windowfn=windowfn):
            return {MAIN: [in_window for element in inputs[0] for in_window in _assign(element, windowfn)]}
        case GroupByKey(tags=None):
            return {MAIN: _group(inputs[0], windowing)}
        case GroupByKey(tags=tags, as_dict=as_dict):
            return {MAIN: _join(inputs, windowing, tags, as_dict)}
        case Combine(fn=fn, default=default):
            return {MAIN: _combine(_group(inputs[0], windowing), fn, default)}
        case Write(sink=sink):
            now = any(name in read for name in transform.outputs.values())
            return {MAIN: _write(sink, inputs[0], None if now else commits, cleanups)}
        case ParDo() as payload:
            sides = [_side_input(view, found[name], graph.collections[name], windowing.windowfn)
                     for view, name in zip(payload.side_views, transform.side_inputs)]
            return _ParDo(payload, windowing, sides).run(inputs[0])


# Reading and writing.


def _read(source: Any) -> Elements:
    elements: Elements = []
    source.check()
    for split in source.splits(1):
        reader = source.open(split)
        while (records := reader.poll()) is not None:
            times = records.timestamps
            if isinstance(times, int):
                times = [times] * len(records.values)
            elements += [Element(value, _in_time(Timestamp(micros=time)))
                         for value, time in zip(records.values, times)]
        reader.close()
    return elements


def _write(sink: Any, elements: Elements, commits: list[Callable[[], Any]] | None,
           cleanups: list[Callable[[], Any]]) -> Elements:
    """Prepares all shards; commits at once if ``commits`` is ``None``, else when those are called."""
    sink.check()
    cleanups.append(lambda: sink.cleanup(RUN))
    shards = sink.shards or 1
    prepared = []
    for shard in range(shards):
        writer = sink.open(WriteTask(RUN, shard, sink.shards))
        values = [element.value for element in elements[shard::shards]]
        if values:
            writer.write(values)
        token = writer.prepare()
        if token is not None:
            prepared.append((shard, token))
    if commits is None:
        return [Element(value) for value in sink.commit(RUN, prepared)]
    commits.append(lambda: sink.commit(RUN, prepared))
    return []


# Windows and grouping.


def _in_time(timestamp: Timestamp) -> Timestamp:
    if not MIN_TIMESTAMP <= timestamp <= MAX_TIMESTAMP:
        raise ExecutionError(f'{timestamp!r} is outside of event time')
    return timestamp


def _assign(element: Element, windowfn: WindowFn) -> Elements:
    context = WindowFn.AssignContext(element.timestamp, element.value, element.window)
    return [attrs.evolve(element, window=window) for window in windowfn.assign(context)]


def _group(elements: Elements, windowing: Windowing) -> Elements:
    """Pairs of a key and the list of its values, for each key and window."""
    by_key: dict[bytes, tuple[Any, Elements]] = {}
    for element in elements:
        key, value = _pair(element.value)
        by_key.setdefault(encode_key(key), (key, []))[1].append(attrs.evolve(element, value=value))
    grouped: Elements = []
    if not isinstance(windowing.trigger, DefaultTrigger):
        return [element for key, members in by_key.values() for element in _panes(key, members, windowing)]
    for key, members in by_key.values():
        final = _merge({member.window for member in members}, windowing.windowfn)
        by_window: dict[BoundedWindow, Elements] = {}
        for member in members:
            by_window.setdefault(final[member.window], []).append(member)
        for window, group in by_window.items():
            time = _output_time(window, [member.timestamp for member in group], windowing)
            grouped.append(Element((key, [member.value for member in group]), time, window, ONLY_PANE))
    return grouped


def _panes(key: Any, members: Elements, windowing: Windowing) -> Elements:
    """All panes of a key, as the watermark goes once from the beginning to the end."""
    model = NaivePanes(windowing)
    panes = [pane for member in members
             for pane in model.element(member.value, member.timestamp.micros, member.window, now=0)]
    panes += model.advance(MAX_MICROS, now=0)
    return [Element((key, pane.values), Timestamp(micros=pane.time), pane.window, pane.info) for pane in panes]


def _join(inputs: list[Elements], windowing: Windowing, tags: Any, as_dict: bool) -> Elements:
    """As ``_group``, with a list of values for each input."""
    numbered = [attrs.evolve(element, value=(_pair(element.value)[0], (number, _pair(element.value)[1])))
                for number, elements in enumerate(inputs) for element in elements]
    joined = []
    for element in _group(numbered, windowing):
        key, values = element.value
        lists = [[value for which, value in values if which == number] for number in range(len(tags))]
        joined.append(attrs.evolve(element, value=(key, dict(zip(tags, lists)) if as_dict else tuple(lists))))
    return joined


def _pair(element: Any) -> tuple[Any, Any]:
    try:
        key, value = element
    except (TypeError, ValueError):
        raise ExecutionError(f'a (key, value) pair is needed here, got {element!r}') from None
    return key, value


def _merge(windows: set[BoundedWindow], windowfn: WindowFn) -> dict[BoundedWindow, BoundedWindow]:
    """The window that each window of a key becomes."""
    final = {window: window for window in windows}

    class Context(WindowFn.MergeContext):
        def merge(self, to_be_merged: Iterable[BoundedWindow], merge_result: BoundedWindow) -> None:
            final.update(dict.fromkeys(to_be_merged, merge_result))

    if windowfn.is_merging():
        windowfn.merge(Context(windows))
    return final


def _output_time(window: BoundedWindow, times: list[Timestamp], windowing: Windowing) -> Timestamp:
    match windowing.timestamp_combiner:
        case TimestampCombiner.OUTPUT_AT_EARLIEST:
            return min(times)
        case TimestampCombiner.OUTPUT_AT_LATEST:
            return max(times)
        case TimestampCombiner.OUTPUT_AT_EARLIEST_TRANSFORMED:
            return min(windowing.windowfn.get_transformed_output_time(window, time) for time in times)
    return window.max_timestamp()


def _combine(grouped: Elements, fn: CombineFn, default: bool) -> Elements:
    fn.setup()
    try:
        if default and not grouped:
            return [Element((None, _combined(fn, [])), GLOBAL_WINDOW.max_timestamp(), GLOBAL_WINDOW, ONLY_PANE)]
        # A pane that is due may be empty, and some functions, such as max, have no result for nothing.
        some = [element for element in grouped if element.value[1] or _has_result(fn)]
        return [attrs.evolve(element, value=(element.value[0], _combined(fn, element.value[1]))) for element in some]
    finally:
        fn.teardown()


def _has_result(fn: CombineFn) -> bool:
    """Whether there is a combination of no values."""
    try:
        _combined(fn, [])
    except Exception:
        return not isinstance(fn, CallableCombineFn)
    return True


def _combined(fn: CombineFn, values: list[Any]) -> Any:
    accumulator = fn.create_accumulator()
    for value in values:
        accumulator = fn.add_input(accumulator, value)
    return fn.extract_output(accumulator)


# Side inputs.


class _MultiMap(dict[Any, list[Any]]):
    def __missing__(self, key: Any) -> list[Any]:
        return []


def _side_input(view: SideView, elements: Elements, collection: Collection,
                main: WindowFn) -> Callable[[BoundedWindow], Any]:
    """A function from the main input's window to the argument."""
    windowfn = collection.windowing.windowfn
    everything = isinstance(collection.windowing.trigger, DefaultTrigger)

    def look_up(window: BoundedWindow) -> Any:
        context = WindowFn.AssignContext(window.max_timestamp())
        wanted = list(windowfn.assign(context))[-1:]
        if everything:
            return _view(view, [element.value for element in elements if element.window in wanted])
        panes = _panes(None, [element for element in elements if element.window in wanted], collection.windowing)
        latest = [pane.value[1] for pane in panes if pane.value[1]][-1:]
        return _view(view, latest[0] if latest else [])

    return look_up


def _view(view: SideView, values: list[Any]) -> Any:
    match view.view:
        case 'singleton' if len(values) == 1:
            return values[0]
        case 'singleton' if not values and view.has_default:
            return view.default
        case 'singleton':
            raise ExecutionError(f'a singleton with {len(values)} elements')
        case 'dict':
            keys = [key for key, _ in values]
            if len(set(keys)) < len(keys):
                raise ExecutionError('a key is there twice')
            return dict(values)
        case 'multimap':
            lists = _MultiMap()
            for key, value in values:
                lists.setdefault(key, []).append(value)
            return lists
    return values


# ParDo.


def _outputs(result: Any) -> Any:
    """The outputs of a function that may give any number of them."""
    if isinstance(result, (str, bytes, bytearray, dict)):
        raise TypeError(f'the function must return an iterable of outputs, got {result!r}')
    return () if result is None else result


class _ParDo:
    """Calls a function for each element of a collection, which is one bundle."""

    def __init__(self, payload: ParDo, windowing: Windowing, sides: list[Callable[[BoundedWindow], Any]]) -> None:
        self.payload = payload
        self.windowfn = windowing.windowfn
        self.sides = sides
        self.fn = payload.fn
        self.contexts: dict[DoFnParam, Any] = {}
        self.finalizer = BundleFinalizer()
        self.outputs: dict[str, Elements] = {}
        parts = stateful_parts(self.fn)
        self.memory = None if parts is None else Memory(parts, windowing.allowed_lateness)
        target = self.fn.process if isinstance(self.fn, DoFn) else self.fn
        self.target = target
        self.call = plan_call(target, payload.args, payload.kwargs, payload.star)

    def run(self, elements: Elements) -> dict[str, Elements]:
        if not isinstance(self.fn, DoFn):
            for element in elements:
                self._process(element)
            return self.outputs
        with ExitStack() as stack:
            self._enter('SetupContextParam', stack)
            self.fn.setup()
            for fn in self._combining():
                fn.setup()
            try:
                if elements:
                    self._bundle(elements)
            finally:
                self.fn.teardown()
                for fn in self._combining():
                    fn.teardown()
        for callback in self.finalizer.callbacks:
            callback()
        return self.outputs

    def _bundle(self, elements: Elements) -> None:
        with ExitStack() as stack:
            self._enter('BundleContextParam', stack)
            self._outside(self.fn.start_bundle)
            for element in elements:
                self._process(element)
            for entry, timer in self.memory.firings() if self.memory is not None else ():
                self._fire(entry, timer)
            self._outside(self.fn.finish_bundle)

    def _combining(self) -> list[CombineFn]:
        parts = stateful_parts(self.fn)
        specs = parts.states.values() if parts is not None else ()
        return [spec.combine_fn for spec in specs if isinstance(spec, CombiningValueStateSpec)]

    def _fire(self, entry: Entry, timer: SetTimer | None) -> None:
        """Calls the method for a timer, or for the expiration of a window."""
        assert self.memory is not None
        parts, last = self.memory.parts, entry.window.max_timestamp()
        name = parts.expiration if timer is None else parts.callbacks[timer.name]
        output = last if timer is None else timer.output
        known = {'KeyParam': entry.key, 'WindowParam': entry.window, 'PaneInfoParam': PANE_INFO_UNKNOWN,
                 'TimestampParam': last if timer is None else timer.time,
                 'DynamicTimerTagParam': '' if timer is None else timer.tag}

        def argument(param: Any) -> Any:
            if param.name in ('StateParam', 'TimerParam'):
                return self.memory.handle(param, entry, output)  # type: ignore[union-attr]
            return known[param.name] if param.name in known else self._argument(param, None)

        method = getattr(self.fn, name)
        call = plan_call(method, lead=False)
        results = method(*map(argument, call.positional),
                         **{key: argument(item) for key, item in call.keyword.items()})
        for result in _outputs(results):
            self._emit(result, Element(None, output, entry.window))

    def _calls(self) -> Iterator[Call]:
        yield self.call
        yield plan_call(self.fn.start_bundle, lead=False)
        yield plan_call(self.fn.finish_bundle, lead=False)
        if self.memory is not None:
            yield from (plan_call(getattr(self.fn, name), lead=False) for name in self.memory.parts.callbacks.values())

    def _enter(self, name: str, stack: ExitStack) -> None:
        for param in itertools.chain.from_iterable(call.params() for call in self._calls()):
            if param.name == name:
                self.contexts[param] = stack.enter_context(param.create())

    def _outside(self, method: Any) -> None:
        """Calls a method at the start or end of the bundle."""
        call = plan_call(method, lead=False)
        for output in self._invoke(method, call, None) or ():
            inner = output.value if isinstance(output, TaggedOutput) else output
            if not isinstance(inner, WindowedValue) and not isinstance(self.windowfn, GlobalWindows):
                raise ExecutionError('WindowedValue is needed where there is no element to take a window from')
            self._emit(output, Element(None))

    def _process(self, element: Element) -> None:
        if self.payload.check_input is not None:
            self.payload.check_input(element.value)
        guard = self.payload.guard
        if guard is None:
            for output in self._results(element):
                self._emit(output, element)
            return
        good: list[Any] = []
        try:
            good.extend(self._results(element))
        except guard.exceptions as error:
            if not guard.partial:
                good = []
            if guard.callback is not None:
                with suppress(Exception):
                    guard.callback(error, element.value)
            report = (type(error), repr(error), traceback.format_exception(error))
            good.append(TaggedOutput(guard.tag, (element.value, report)))
        for output in good:
            self._emit(output, element)

    def _results(self, element: Element) -> Iterator[Any]:
        """What the function gives for an element."""
        result = self._invoke(self.target, self.call, element)
        match self.payload.style:
            case 'map':
                yield result
            case 'filter':
                if result:
                    yield element.value
            case 'timestamp':
                yield TimestampedValue(element.value, result)
            case _:
                yield from _outputs(result)

    def _invoke(self, target: Any, call: Call, element: Element | None) -> Any:
        positional: list[Any] = []
        for item in call.positional:
            if item is ELEMENT and self.payload.star:
                assert element is not None
                positional += element.value
            else:
                positional.append(self._argument(item, element))
        return target(*positional, **{name: self._argument(item, element) for name, item in call.keyword.items()})

    def _argument(self, item: Any, element: Element | None) -> Any:
        if isinstance(item, DoFnParam):
            if item in self.contexts:
                return self.contexts[item]
            if item.name == 'BundleFinalizerParam':
                return self.finalizer
        if element is None:
            if isinstance(item, DoFnParam):
                raise ExecutionError(f'{item!r} exists only while an element is processed')
            return item
        if item is ELEMENT:
            return element.value
        if isinstance(item, SideArg):
            return self.sides[item.index](element.window)
        if not isinstance(item, DoFnParam):
            return item
        match item.name:
            case 'TimestampParam':
                return element.timestamp
            case 'WindowParam':
                return element.window
            case 'PaneInfoParam':
                return element.pane
            case 'KeyParam':
                return element.value[0]
            case 'StateParam' | 'TimerParam' if self.memory is not None:
                entry = self.memory.entry(_pair(element.value)[0], element.window)
                return self.memory.handle(item, entry, element.timestamp)
            case 'WindowedValueParam':
                return WindowedValue(element.value, element.timestamp, (element.window,), element.pane)
        raise UnsupportedError(f'the reference evaluator has no {item!r}')

    def _emit(self, output: Any, source: Element) -> None:
        """Adds an output, which may be dressed up with a tag, a time or windows."""
        tag, value = MAIN, output
        if isinstance(value, TaggedOutput):
            tag, value = value.tag, value.value
        known = self.payload.tags or ()
        guarded = self.payload.guard is not None and tag == self.payload.guard.tag
        if tag != MAIN and tag not in known and not self.payload.open_tags and not guarded:
            raise ExecutionError(f'an output is tagged {tag!r}, which was not declared')
        made = [attrs.evolve(source, value=value)]
        if isinstance(value, TimestampedValue):
            made = _assign(attrs.evolve(source, value=value.value, timestamp=_in_time(value.timestamp)), self.windowfn)
        elif isinstance(value, WindowedValue):
            made = [Element(value.value, _in_time(value.timestamp), window, value.pane_info)
                    for window in value.windows]
        if self.memory is not None and any(element.timestamp < source.timestamp for element in made):
            raise ExecutionError('an output timestamp before that of the input')
        for element in made:
            if tag == MAIN and self.payload.check_output is not None:
                self.payload.check_output(element.value)
            if isinstance(element.value, (TaggedOutput, TimestampedValue, WindowedValue)):
                raise ExecutionError(f'a {type(element.value).__name__} inside of another one')
            self.outputs.setdefault(tag, []).append(element)
