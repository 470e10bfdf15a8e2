"""Error handlers: failed elements of many transforms, consumed in one place.

::

    with ErrorHandler(WriteToText('errors')) as handler:
        numbers = lines | Map(int).with_error_handler(handler)
        ...
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from bourne.errors import PipelineError, TransformError
from bourne.sdk.location import user_location
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.flatten import Flatten


class ErrorHandler:
    """Collects the failed elements of the transforms that it is given to, and applies a transform to all of them.

    A transform of your own takes one in a method ``with_error_handler(handler)`` and calls
    :meth:`add_error_pcollection`, or passes the handler on to transforms that it is made of. ``None`` means that
    there is none, and failures end the run.

    Args:
      consumer: what is applied to the failed elements, ``(element, (exception class, repr, traceback lines))``.
    """

    def __init__(self, consumer: PTransform) -> None:
        if not isinstance(consumer, PTransform):
            raise TransformError(f'ErrorHandler takes a PTransform that consumes the failed elements, got {consumer!r}')
        self._consumer = consumer
        self._errors: list[PCollection[Any]] = []
        self._output: Any = None
        self._closed = False
        self._location = user_location()

    def __enter__(self) -> ErrorHandler:
        self._errors, self._closed = [], False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Applies the consumer to all failed elements: no transform will be given this handler any more.

        If it was given to none, nothing is applied.
        """
        if self._errors:
            label = self._errors[0].pipeline.free_label('Errors')
            self._output = tuple(self._errors) | label >> _Consume(self._consumer)
        self._closed = True

    def output(self) -> Any:
        """What the consumer returned; ``None`` if no transform was given this handler.

        Raises:
          PipelineError: if the handler is not closed yet.
        """
        if not self._closed:
            raise PipelineError(f'the output of the error handler made at {self._location} exists once it is closed: '
                                f'after the with block, or call close()')
        return self._output

    def add_error_pcollection(self, pcoll: PCollection[Any]) -> None:
        """Takes the failed elements of a transform; for transforms that handle errors."""
        if self._closed:
            raise PipelineError(f'the error handler made at {self._location} was closed before it was given to '
                                f'{pcoll.producer!r}')
        pcoll.pipeline.before_run(self.verify_closed)
        self._errors.append(pcoll)

    def verify_closed(self) -> None:
        """Checks, when the pipeline runs, that no failures would get lost.

        Raises:
          PipelineError: if the handler was never closed.
        """
        if not self._closed:
            raise PipelineError(f'the error handler made at {self._location} was never closed, so the failed elements '
                                f'would be lost: use it as `with ErrorHandler(...) as handler:`, or call close()')


class _Consume(PTransform):
    """The errors of several transforms as one collection, consumed."""

    def __init__(self, consumer: PTransform) -> None:
        super().__init__()
        self._consumer = consumer

    def expand(self, pcolls: Any) -> Any:
        return pcolls | Flatten() | self._consumer


class _Keep(PTransform):
    """Its input."""

    def expand(self, pcoll: Any) -> Any:
        return pcoll


class CollectingErrorHandler(ErrorHandler):
    """An error handler that gives the failed elements, of all transforms in one collection, by :meth:`output`."""

    def __init__(self) -> None:
        super().__init__(_Keep())
        self._asked = False

    def output(self) -> Any:
        self._asked = True
        return super().output()

    def verify_closed(self) -> None:
        super().verify_closed()
        if not self._asked:
            raise PipelineError(f'nobody asked the error handler made at {self._location} for its output, so that the '
                                f'failed elements would be lost: call output(), and do something with them')
