"""Dead letters: elements that make a function fail go to an output of their own, and the run goes on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bourne.errors import ExceptionThresholdError, TransformError, UnsupportedError
from bourne.sdk import typehints
from bourne.sdk.graph.nodes import Guard
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.pcollection import DoOutputsTuple
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms import pardo
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.window import WindowInto

#: What is told of a failure: the exception's class, its repr, and the lines of its traceback.
ExceptionInfo = tuple[type, str, list[str]]


class DeadLetter:
    """The type hint of a failed element: ``DeadLetter[T]`` is ``tuple[T, ExceptionInfo]``."""

    def __class_getitem__(cls, element_type: Any) -> Any:
        return typehints.generic(tuple, (element_type, ExceptionInfo))


class WithExceptionHandling(PTransform):
    """A ``ParDo``, ``Map``, ``FlatMap`` or ``Filter`` whose failures are an output instead of ending the run.

    ::

        good, bad = lines | Map(json.loads).with_exception_handling()

    A failed element goes to the dead-letter output as ``(element, (exception class, repr, traceback lines))``, with the
    time and window that it has. Its outputs up to the failure are dropped.

    Args:
      inner: the transform.
      main_tag: by what name the outputs of elements that did not fail are asked for.
      dead_letter_tag: by what name those that failed are asked for.
      exc_class: which exceptions count as a failure: a class or a tuple of classes. Others end the run.
      partial: keep the outputs that an element gave before it failed.
      use_subprocess: not supported.
      threshold: which share of the elements of a window may fail, from 0 to 1, before the run ends.
      threshold_windowing: the windows of that share; by default those of the input.
      timeout: not supported.
      error_handler: takes the failed elements. The result is then only the main output, if there are no other tags.
      on_failure_callback: is called with the exception and the element; if it fails itself, that is logged.
      allow_unsafe_userstate_in_process: accepted; what a failing ``process`` wrote to state before it failed stays.

    Raises:
      TransformError: if an argument is not what it should be.
      UnsupportedError: for ``use_subprocess`` and ``timeout``.
    """

    def __init__(self, inner: ParDo, main_tag: str = 'good', dead_letter_tag: str = 'bad', *,
                 exc_class: Any = Exception, partial: bool = False, use_subprocess: bool = False,
                 threshold: float = 1, threshold_windowing: Any = None, timeout: float | None = None,
                 error_handler: Any = None, on_failure_callback: Callable[[Exception, Any], Any] | None = None,
                 allow_unsafe_userstate_in_process: bool = False) -> None:
        super().__init__(inner.label)
        self._inner = inner
        self._tags = (main_tag, dead_letter_tag)
        self._threshold = threshold
        self._threshold_windowing = threshold_windowing
        self._error_handler = error_handler
        self._guard = Guard(dead_letter_tag, exc_class, bool(partial), on_failure_callback)
        for problem in self._problems():
            raise TransformError(f'{self.default_label()}.with_exception_handling: {problem}')
        for option, given, instead in (
                ('use_subprocess', use_subprocess, 'call the unsafe code in a process that the function starts itself'),
                ('timeout', timeout is not None, 'set a time limit in what the function calls')):
            if given:
                raise UnsupportedError(f'{self.default_label()}.with_exception_handling: {option} is not supported; '
                                       f'{instead}, and raise an exception')

    def _problems(self) -> Iterator[str]:
        classes = self._guard.exceptions if isinstance(self._guard.exceptions, tuple) else (self._guard.exceptions,)
        for cls in classes:
            if not isinstance(cls, type) or not issubclass(cls, BaseException):
                yield f'exc_class must be an exception class or a tuple of them, got {cls!r}'
        for tag in self._tags:
            if not isinstance(tag, str) or not tag:
                yield f'main_tag and dead_letter_tag are non-empty strings, got {tag!r}'
        if self._tags[1] in (self._tags[0], *self._inner._tags):
            yield f'two outputs are tagged {self._tags[1]!r}; choose another dead_letter_tag'
        share = self._threshold
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            yield f'threshold is a share of elements from 0 to 1, got {share!r}'
        if self._guard.callback is not None and not callable(self._guard.callback):
            yield f'on_failure_callback must take an exception and an element, got {self._guard.callback!r}'

    def default_label(self) -> str:
        return self._inner.full_label()

    def with_outputs(self, *tags: str, main: str | None = None) -> WithExceptionHandling:
        """The same, with further outputs that the function tags.

        Args:
          tags: their tags.
          main: another name for the main output.
        """
        made = copy.copy(self)
        made._inner = self._inner.with_outputs(*tags)
        made._tags = (main or self._tags[0], self._tags[1])
        for problem in made._problems():
            raise TransformError(f'{self.default_label()}.with_outputs: {problem}')
        return made

    def expand(self, pcoll: Any) -> Any:
        source = one_input(self, pcoll)
        inner = self._inner
        guarded = inner.with_outputs(*inner._tags, self._tags[1], main=self._tags[0], allow_unknown_tags=inner._open)
        guarded.label = None
        guarded._guard = self._guard
        outputs = source | guarded
        assert isinstance(outputs, DoOutputsTuple)
        good, bad = outputs[self._tags[0]], outputs[self._tags[1]]
        if not inner._multiple:  # no other output can be asked for
            outputs = DoOutputsTuple(source.pipeline, {None: good, self._tags[1]: bad}, self._tags[0])
        source.pipeline.set_type(bad, DeadLetter.__class_getitem__(source.element_type))
        if self._threshold < 1:
            (source, bad) | 'Threshold' >> _Threshold(self._threshold, self._threshold_windowing)
        if self._error_handler is None:
            return outputs
        self._error_handler.add_error_pcollection(bad)
        return outputs if inner._multiple else good


class _Threshold(PTransform):
    """Ends the run if too large a share of the elements failed."""

    def __init__(self, threshold: float, windowing: Any) -> None:
        super().__init__()
        self.threshold = threshold
        self.windowing = windowing

    def expand(self, pcolls: Any) -> None:
        seen, failed = pcolls
        if self.windowing is not None:
            seen = seen | 'SeenInWindows' >> WindowInto(self.windowing)
            failed = failed | 'FailedInWindows' >> WindowInto(self.windowing)
        # Counted as one collection, so that windows that merge do so for both alike. Keyed before they are one, so
        # that each is counted where it is.
        both = (seen | 'Seen' >> Map(_seen), failed | 'Failed' >> Map(_failed)) | Flatten()
        both | CombinePerKey(_CountFailures()) | 'Check' >> Map(_check, self.threshold)


def _seen(element: Any) -> tuple[None, None]:
    return None, None


def _failed(element: Any) -> tuple[None, str]:
    return None, str(element[1][1])


class _CountFailures(CombineFn):
    """Counts ``None`` as an element that was seen, and text as a failure. The accumulator holds both counts, and one
    of the texts."""

    def create_accumulator(self, *args: Any, **kwargs: Any) -> tuple[int, int, str]:
        return 0, 0, ''

    def add_input(self, mutable_accumulator: tuple[int, int, str], element: str | None,
                  *args: Any, **kwargs: Any) -> tuple[int, int, str]:
        seen, failed, example = mutable_accumulator
        return (seen + 1, failed, example) if element is None else (seen, failed + 1, element)

    def merge_accumulators(self, accumulators: Iterable[tuple[int, int, str]],
                           *args: Any, **kwargs: Any) -> tuple[int, int, str]:
        parts = list(accumulators)
        return sum(part[0] for part in parts), sum(part[1] for part in parts), max(part[2] for part in parts)

    def extract_output(self, accumulator: tuple[int, int, str], *args: Any, **kwargs: Any) -> tuple[int, int, str]:
        return accumulator


def _check(element: tuple[None, tuple[int, int, str]], threshold: float, window: Any = DoFn.WindowParam) -> None:
    seen, failed, example = element[1]
    if failed > seen * threshold:
        raise ExceptionThresholdError(
            f'{failed} of {seen} elements failed in the window {window!r}: a share of {failed / max(seen, 1):.3g}, '
            f'where threshold={threshold} is allowed. One of them with {example}')


pardo.exception_handling = WithExceptionHandling
