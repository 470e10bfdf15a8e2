"""Metrics as data: their names, the container that updates go to, and how an update finds its step.

Whoever runs a bundle says where its updates go::

    container = MetricsContainer('Count words')
    with current_container(container):
        ...                 # user code: Metrics.counter('words', 'empty').inc()
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

from bourne.errors import TransformError
from bourne.sdk.model.metric_cells import (
    CELLS,
    BoundedTrieCell,
    Cell,
    CounterCell,
    DistributionCell,
    DistributionResult,
    GaugeCell,
    GaugeResult,
    StringSetCell,
)

__all__ = [
    'MetricName', 'MetricKey', 'BUILTIN_NAMESPACE', 'ELEMENTS', 'DROPPED_LATE', 'elements_name',
    'BUNDLE_ELEMENTS', 'HELD_BYTES', 'RESIDENT_BYTES',
    'MetricsContainer', 'CellKey', 'CURRENT', 'current_container',
    'PROGRAMS', 'register_program', 'step_of', 'current_step',
    'CELLS', 'Cell', 'CounterCell', 'DistributionCell', 'GaugeCell', 'StringSetCell', 'BoundedTrieCell',
    'DistributionResult', 'GaugeResult',
]


class _Name(NamedTuple):
    namespace: str | None
    name: str | None
    urn: str | None = None


class MetricName(_Name):
    """What a metric is called.

    Args:
      namespace: groups metrics, often the name of a class.
      name: unique in the namespace.
      urn: a name outside of the namespaces of users; then the other two may be missing.

    Raises:
      TransformError: if the namespace or the name is empty, and there is no urn.
    """

    __slots__ = ()

    def __new__(cls, namespace: str | None, name: str | None, urn: str | None = None) -> MetricName:
        if not urn and not (namespace and name):
            empty = 'name' if namespace else 'namespace'
            raise TransformError(
                f'the {empty} of a metric must not be empty: MetricName({namespace!r}, {name!r})')
        return super().__new__(cls, namespace, name, urn)

    def __str__(self) -> str:
        urn = f', urn={self.urn}' if self.urn else ''
        return f'MetricName(namespace={self.namespace}, name={self.name}{urn})'


class MetricKey(NamedTuple):
    """Identifies a cell of a run: the full label of a step, and the metric."""

    step: str
    metric: MetricName


#: The namespace of what bourne counts itself. Queries leave it out unless they name it.
BUILTIN_NAMESPACE = 'bourne'
#: How many elements a transform put into its main output.
ELEMENTS = MetricName(BUILTIN_NAMESPACE, 'elements')
#: How many elements came when their window had expired already, and were left out.
DROPPED_LATE = MetricName(BUILTIN_NAMESPACE, 'dropped_late')
#: Of a stage, by its name: how many elements its bundles had.
BUNDLE_ELEMENTS = MetricName(BUILTIN_NAMESPACE, 'bundle_elements')
#: Of a stage: about how many bytes of elements, groups and accumulators each of its tasks held at most.
HELD_BYTES = MetricName(BUILTIN_NAMESPACE, 'held_bytes')
#: Of a stage: the most memory of the machine that the process of each of its tasks had, in bytes.
RESIDENT_BYTES = MetricName(BUILTIN_NAMESPACE, 'resident_bytes')


def elements_name(tag: str | None = None) -> MetricName:
    """The name of the count of elements in an output: the main one (None), or the one with that tag."""
    return ELEMENTS if tag is None else MetricName(BUILTIN_NAMESPACE, f'{ELEMENTS.name}:{tag}')


#: What a cell is found by within a step: its kind and its metric's name.
CellKey = tuple[str, MetricName]


class MetricsContainer:
    """The cells of some steps: of a bundle, or of a whole run into which those of its bundles are merged.

    Args:
      default_step: the step of updates whose step cannot be told from the call stack.

    Attributes:
      cells: the cells by key, by the full label of the step.
      clock: tells the time for gauges, in seconds since the epoch.
    """

    __slots__ = ('cells', 'default_step', 'clock')

    def __init__(self, default_step: str = '', clock: Callable[[], float] = time.time) -> None:
        self.cells: dict[str, dict[CellKey, Any]] = {}
        self.default_step = default_step
        self.clock = clock

    def cell(self, step: str, key: CellKey) -> Any:
        """The cell of a step by key; made if there is none yet."""
        cells = self.cells.setdefault(step, {})
        found = cells.get(key)
        return found if found is not None else cells.setdefault(key, CELLS[key[0]]())

    def counter(self, step: str, name: MetricName) -> CounterCell:
        """A step's counter; made if there is none yet."""
        cell: CounterCell = self.cell(step, (CounterCell.kind, name))
        return cell

    def distribution(self, step: str, name: MetricName) -> DistributionCell:
        """A step's distribution; made if there is none yet."""
        cell: DistributionCell = self.cell(step, (DistributionCell.kind, name))
        return cell

    def merge(self, other: MetricsContainer) -> None:
        """Merges the cells of another container into this one; the other stays as it is."""
        for step, cells in list(other.cells.items()):
            for key, cell in list(cells.items()):
                self.cell(step, key).merge(cell)

    def copy(self) -> MetricsContainer:
        """An independent copy."""
        found = MetricsContainer(self.default_step, self.clock)
        found.merge(self)
        return found

    def items(self) -> Iterator[tuple[str, MetricKey, Any]]:
        """Kind, key and cell of each metric, ordered by step, metric and kind."""
        # Copied first: a running pipeline adds cells while its metrics are queried.
        found = [(kind, MetricKey(step, name), cell) for step, cells in list(self.cells.items())
                 for (kind, name), cell in list(cells.items())]
        found.sort(key=lambda item: (item[1].step, *map(str, item[1].metric), item[0]))
        return iter(found)

    def __bool__(self) -> bool:
        return bool(self.cells)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetricsContainer) and self.cells == other.cells

    __hash__ = None  # type: ignore[assignment]

    # The clock stays behind: a container that travels carries values.
    def __getstate__(self) -> tuple[dict[str, dict[CellKey, Any]], str]:
        return self.cells, self.default_step

    def __setstate__(self, state: tuple[dict[str, dict[CellKey, Any]], str]) -> None:
        self.cells, self.default_step = state
        self.clock = time.time

    def __repr__(self) -> str:
        shown = ', '.join(f'{step}: {key[1].name}={cell.result()!r}' for step, cells in self.cells.items()
                          for key, cell in cells.items())
        return f'MetricsContainer({shown})'


class _Current(threading.local):
    container: MetricsContainer | None = None


#: The container of the bundle that the current thread runs, as its attribute ``container``.
CURRENT = _Current()


class current_container:
    """``with current_container(container):`` the thread's updates go there; None: they go nowhere."""

    __slots__ = ('container', '_outer')

    def __init__(self, container: MetricsContainer | None) -> None:
        self.container = container
        self._outer: MetricsContainer | None = None

    def __enter__(self) -> MetricsContainer | None:
        self._outer = CURRENT.container
        CURRENT.container = self.container
        return self.container

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        CURRENT.container = self._outer


class Program:
    """A generated function: which step a line of it belongs to."""

    __slots__ = ('code', 'line_to_step', 'steps')

    def __init__(self, code: weakref.ref[CodeType], line_to_step: Callable[[int], str | None]) -> None:
        self.code = code
        self.line_to_step = line_to_step
        # By instruction: finding a frame's line means reading the code's table of lines.
        self.steps: dict[int, str | None] = {}

    def step(self, frame: FrameType) -> str | None:
        """The step of the place where a frame of the function is now."""
        found = self.line_to_step(frame.f_lineno)
        self.steps[frame.f_lasti] = found
        return found


#: The registered functions by the id of their code: a code object's own hash is computed from all its
#: instructions, each time.
PROGRAMS: dict[int, Program] = {}


def register_program(code: CodeType, line_to_step: Callable[[int], str | None]) -> None:
    """Tells which step each line of a generated function belongs to, so that metrics find their step.

    Updates that user code makes while the function calls it are counted for the step of the calling line. The
    entry goes when the code object goes.

    Args:
      code: the function's code object; each nested function or generator that calls user code on its own has
        to be registered too.
      line_to_step: takes a line number of the code and returns a full label, or None if there is no step. It
        is asked once for each place of a call; it must not refer to the code object or its function.
    """
    place = id(code)

    def forget(_: weakref.ref[CodeType]) -> None:
        PROGRAMS.pop(place, None)

    PROGRAMS[place] = Program(weakref.ref(code, forget), line_to_step)


def step_of(frame: FrameType | None) -> str | None:
    """The step for which a frame runs: that of the nearest registered function below it, or None."""
    programs = PROGRAMS
    while frame is not None:
        program = programs.get(id(frame.f_code))
        if program is not None:
            step = program.steps.get(frame.f_lasti)
            return step if step is not None else program.step(frame)
        frame = frame.f_back
    return None


def current_step() -> str | None:
    """The full label of the step that the calling code runs for, or None outside of any."""
    step = step_of(sys._getframe(1))
    container = CURRENT.container
    return step if step is not None or container is None else container.default_step or None
