"""Handles on metrics: what user code updates. An update goes to the container of the running bundle."""

from __future__ import annotations

from collections.abc import Sequence
from sys import _getframe
from types import FrameType
from typing import Any, ClassVar

from bourne.errors import TransformError
from bourne.sdk.model.metric import CURRENT, PROGRAMS, MetricName, MetricsContainer


class Metric:
    """A handle on a metric: small, picklable, and without any value of its own.

    Args:
      metric_name: its name.
      process_wide: belongs to no step but to the run as a whole.
    """

    __slots__ = ('metric_name', 'process_wide', '_key')

    kind: ClassVar[str]

    def __init__(self, metric_name: MetricName, process_wide: bool = False) -> None:
        self.metric_name = metric_name
        self.process_wide = process_wide
        self._key = (self.kind, metric_name)

    def _cell(self, container: MetricsContainer, frame: FrameType | None) -> Any:
        """The cell that an update by the code of ``frame`` goes to."""
        # What step_of() does, once more: the call would be a fifth of the time that an update takes.
        step = None
        while frame is not None:
            if (code := id(frame.f_code)) in PROGRAMS:
                program = PROGRAMS[code]
                step = program.steps.get(frame.f_lasti) or program.step(frame)
                break
            frame = frame.f_back
        if step is None or self.process_wide:
            step = '' if self.process_wide else container.default_step
        try:
            return container.cells[step][self._key]
        except KeyError:
            return container.cell(step, self._key)

    def _refuse(self, value: Any, needed: str) -> TransformError:
        return TransformError(f'the {self.kind} {self.metric_name.namespace}:{self.metric_name.name} takes '
                              f'{needed}, got {value!r} ({type(value).__name__})')

    def __reduce__(self) -> Any:
        return (type(self), (self.metric_name, self.process_wide))

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.metric_name.namespace!r}, {self.metric_name.name!r})'


class Counter(Metric):
    """A sum of whole numbers."""

    __slots__ = ()
    kind = 'counter'

    def inc(self, n: int = 1) -> None:
        """Adds ``n``."""
        container = CURRENT.container
        if container is not None:
            self._cell(container, _getframe(1)).value += n

    def dec(self, n: int = 1) -> None:
        """Subtracts ``n``."""
        self.inc(-n)


class Distribution(Metric):
    """Sum, count, least, greatest and mean of numbers."""

    __slots__ = ()
    kind = 'distribution'

    def update(self, value: float) -> None:
        """Takes one number in.

        Raises:
          TransformError: if it is not a number.
        """
        container = CURRENT.container
        if container is not None:
            try:
                self._cell(container, _getframe(1)).update(value)
            except TypeError:
                raise self._refuse(value, 'numbers') from None


class Gauge(Metric):
    """The value set last."""

    __slots__ = ()
    kind = 'gauge'

    def set(self, value: float) -> None:
        """Sets the value.

        Raises:
          TransformError: if it is not a number.
        """
        if not isinstance(value, (int, float)):
            raise self._refuse(value, 'a number')
        container = CURRENT.container
        if container is not None:
            self._cell(container, _getframe(1)).update(value, container.clock())


class StringSet(Metric):
    """A set of texts, of a million characters at most."""

    __slots__ = ()
    kind = 'string_set'

    def add(self, value: str) -> None:
        """Adds a text.

        Raises:
          TransformError: if it is not a string.
        """
        if not isinstance(value, str):
            raise self._refuse(value, 'strings')
        container = CURRENT.container
        if container is not None:
            self._cell(container, _getframe(1)).update(value)


class BoundedTrie(Metric):
    """A set of paths (tuples of strings) that are summed up by their prefixes where there are too many."""

    __slots__ = ()
    kind = 'bounded_trie'

    def add(self, value: Sequence[str]) -> None:
        """Adds a path.

        Raises:
          TransformError: if it is not a sequence of strings, or empty.
        """
        container = CURRENT.container
        if container is not None:
            self._cell(container, _getframe(1)).update(value)
