"""Progress of a run: a bar on a terminal, log lines elsewhere, nothing for runs that are over in a second."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from bourne.engine.memory import readable, resident
from bourne.engine.plan.stage import Stage

logger = logging.getLogger('bourne')

#: Seconds before anything is shown, and between two log lines.
PATIENCE = 1.0
INTERVAL = 10.0


class Cancelled(BaseException):
    """The run was cancelled; not an error of any user function, so that none catches it."""


class Progress:
    """Shows how far a run is, and how much memory it takes.

    Args:
      memory: tells how many bytes of memory the processes of the run have; 0 if that is not known.

    Attributes:
      cancelled: set it, from any thread, to end the run at the next bundle.
    """

    def __init__(self, memory: Callable[[], int] = resident) -> None:
        self._memory = memory
        self.cancelled = False
        self._stage = ''
        self._number = self._total = 0
        self._elements = 0
        self._share: float | None = None
        self._next = 0.0
        self._bar: Any = None
        self._task: Any = None
        self._handler: logging.Handler | None = None

    def __enter__(self) -> Progress:
        # Under a test nothing is shown: pytest names the running test in the environment.
        quiet = 'PYTEST_CURRENT_TEST' in os.environ
        self._next = float('inf') if quiet else time.monotonic() + PATIENCE
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._handler is not None:
            logger.removeHandler(self._handler)
            logger.setLevel(logging.NOTSET)
            self._handler = None

    def stage_started(self, stage: Stage, number: int, total: int) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        self._stage, self._number, self._total = stage.name, number, total
        self._elements, self._share = 0, None
        self._look()

    def advanced(self, elements: int, share: float | None) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        self._elements += elements
        if share is not None:
            self._share = share
        self._look()

    def stage_done(self, stage: Stage) -> None:
        """See :class:`bourne.engine.driver.Observer`."""
        self._share = 1.0
        self._look()

    def committing(self, labels: Sequence[str]) -> None:
        """See :class:`bourne.engine.driver.Observer`."""

    def show(self, stage: str, number: int, total: int, elements: int, share: float | None) -> None:
        """Shows how far a run is that goes on elsewhere.

        Args:
          stage: the name of its stage.
          number: which stage that is.
          total: of how many.
          elements: how many went into it.
          share: which part of it is done; ``None`` if that is not known.
        """
        self._stage, self._number, self._total = stage, number, total
        self._elements, self._share = elements, share
        self._look()

    def _look(self) -> None:
        if self.cancelled:
            raise Cancelled
        now = time.monotonic()
        if now < self._next:
            return
        if self._bar is None and sys.stderr.isatty():
            self._open_bar()
        if self._bar is None:
            self._next = now + INTERVAL
            self._be_heard()
            share = f', {self._share:.0%} read' if self._share is not None else ''
            logger.info('stage %d of %d: %s: %d elements%s%s', self._number, self._total, self._stage, self._elements,
                        share, self._shown_memory())
            return
        self._next = now + 0.1
        self._bar.update(self._task, completed=self._number - 1 + (self._share or 0.0),
                         amount=f'{self._elements:,} elements{self._shown_memory()}',
                         description=f'stage {self._number} of {self._total}: {_clip(self._stage)}')

    def _shown_memory(self) -> str:
        size = self._memory()
        return f', {readable(size)} of memory' if size else ''

    def _be_heard(self) -> None:
        """Sends log lines to stderr during the run, if the program has not said where they go."""
        if self._handler is None and not logger.hasHandlers():
            self._handler = logging.StreamHandler()
            self._handler.setFormatter(logging.Formatter('%(asctime)s %(name)s: %(message)s'))
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[amount]}'))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task('', total=self._total, amount='')
        self._bar.start()


def _clip(text: str, limit: int = 50) -> str:
    return text if len(text) <= limit else f'{text[:limit - 3]}...'
