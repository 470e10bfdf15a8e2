"""``Tee``, ``WaitOn`` and ``LogElements``: they pass their input on as it is, and do something beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bourne.errors import TransformError
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import Known
from bourne.sdk.model.window import GlobalWindows
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input, ptransform_fn
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.sideinput import AsIter
from bourne.sdk.transforms.window import WindowInto

#: The names of levels in the module ``logging``, which takes long to import.
_LEVELS = {10: 'debug', 20: 'info', 30: 'warning', 40: 'error', 50: 'critical'}


class Tee(PTransform):
    """Its input, to which other transforms are applied as well::

        lines | Tee(WriteToText('copy'), lambda lines: lines | Count.Globally() | LogElements()) | Map(parse)

    Args:
      consumers: transforms, or functions from the collection to anything.
    """

    def __init__(self, *consumers: PTransform | Callable[[PCollection[Any]], Any]) -> None:
        super().__init__()
        for consumer in consumers:
            if isinstance(consumer, type) or not (isinstance(consumer, PTransform) or callable(consumer)):
                raise TransformError(f'Tee takes PTransforms, and functions of a PCollection; got {consumer!r}')
        self._consumers = consumers

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        for consumer in self._consumers:
            transform = consumer if isinstance(consumer, PTransform) else ptransform_fn(consumer)()
            source | source.pipeline.free_label(transform.full_label()) >> transform
        return source


def _nothing(element: Any) -> tuple[Any, ...]:
    return ()


def _lookable(pcoll: PCollection[Any], number: int) -> Any:
    """The collection in windows that can be side inputs."""
    if pcoll.windowing.windowfn.is_merging() and pcoll.is_bounded:
        return pcoll | f'InOneWindow{number}' >> WindowInto(GlobalWindows())
    return pcoll


def _first(element: Any, *waited_for: Any) -> Any:
    return element


class WaitOn(PTransform):
    """Its input, which is processed only when other collections are complete, per window::

        written = rows | WriteToDatabase()
        keys | WaitOn(written) | Map(look_up)

    Args:
      to_be_waited_on: the other collections; their elements are not looked at.
    """

    def __init__(self, *to_be_waited_on: PCollection[Any]) -> None:
        super().__init__()
        for other in to_be_waited_on:
            if not isinstance(other, PCollection):
                raise TransformError(f'WaitOn takes PCollections, got {other!r}')
        self._others = to_be_waited_on

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        # A side input is whole before any element that may see it; that of nothing costs nothing.
        sides = [AsIter(_lookable(other, number) | f'WaitOn{number}' >> FlatMap(_nothing))
                 for number, other in enumerate(self._others)]
        passing = Map(_first, *sides) if sides else Map(Known('identity'))
        made = source | 'Pass' >> passing.with_output_types(source.element_type)
        assert isinstance(made, PCollection)
        return made


class _Log:
    """Prints or logs an element, and gives it back."""

    def __init__(self, prefix: str, timestamp: bool, window: bool, level: int | None, pane_info: bool,
                 epoch: bool) -> None:
        self.prefix = prefix
        self.timestamp = timestamp
        self.window = window
        self.level = level
        self.pane_info = pane_info
        self.epoch = epoch

    def __call__(self, element: Any, timestamp: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam,
                 pane_info: Any = DoFn.PaneInfoParam) -> Any:
        line = f'{self.prefix}{element}'
        if self.timestamp:
            line += f', timestamp={self._shown(timestamp)!r}'
        if self.window:
            line += f', window(start={self._shown(window.start)}, end={self._shown(window.end)})'
        if self.pane_info:
            line += f', pane_info={pane_info!r}'
        if self.level is None:
            print(line)
        else:
            import logging

            logging.getLogger('bourne').log(self.level, '%s', line)
        return element

    def _shown(self, timestamp: Any) -> Any:
        if self.epoch:
            return timestamp.seconds()
        try:
            return timestamp.to_rfc3339()
        except OverflowError:  # the begin and the end of time are in no year that there is
            return repr(timestamp)


class LogElements(PTransform):
    """Its input, each element of which is printed or logged. An element in several windows is, once for each.

    Args:
      label: the transform's label.
      prefix: what stands before each element.
      with_timestamp: show the element's time.
      with_window: show the begin and end of its window.
      level: log at this level (``logging.INFO``, ...) to the logger ``bourne`` instead of printing.
      with_pane_info: show its pane.
      use_epoch_time: show times as seconds since the epoch.

    Raises:
      TransformError: if the level is not one of ``logging``'s.
    """

    def __init__(self, label: str | None = None, prefix: str = '', with_timestamp: bool = False,
                 with_window: bool = False, level: int | None = None, with_pane_info: bool = False,
                 use_epoch_time: bool = False) -> None:
        super().__init__(label)
        if level is not None and level not in _LEVELS:
            known = ', '.join(f'logging.{name.upper()}' for name in _LEVELS.values())
            raise TransformError(f'LogElements: level is one of {known}, or None to print; got {level!r}')
        self._log = _Log(prefix, with_timestamp, with_window, level, with_pane_info, use_epoch_time)

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        made = source | 'Log' >> Map(self._log).with_output_types(source.element_type)
        assert isinstance(made, PCollection)
        return made
