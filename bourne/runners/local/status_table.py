"""Shows how a stream stands while it runs: a live table on a terminal, lines in the log elsewhere.

A thread of its own asks the stream and shows the answer. So what is shown is at most one period old, whether the stream
is busy or idle, and the stream pays for an answer only.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from bourne.sdk.model.status import COLUMNS, NUMBERS, StreamStatus

logger = logging.getLogger('bourne')

#: Seconds before a stream that nobody asked about shows its progress.
PATIENCE = 1.0


class Display(Protocol):
    """Where a stream is shown.

    Attributes:
      first: seconds until it is shown for the first time.
      period: seconds between two times.
      final: it also shows how the stream stood when it ended.
    """

    first: float
    period: float
    final: bool

    def show(self, status: StreamStatus) -> None:
        """Shows how it stands now."""

    def close(self) -> None:
        """Nothing more will be shown."""


def choose(finite: bool, table: bool) -> Display | None:
    """How a stream is shown.

    Args:
      finite: it ends by itself.
      table: the user asked for all that is known of it.

    Returns:
      A live table, or lines, if the user asked for it; else for a finite one a bar, or lines; and nothing under a test.
    """
    terminal = sys.stderr.isatty()
    if table:
        return LiveTable() if terminal else Lines(0.0, final=True)
    if not finite or 'PYTEST_CURRENT_TEST' in os.environ:  # pytest names the running test in the environment
        return None
    return Bar() if terminal else Lines(PATIENCE)


class Watcher(threading.Thread):
    """Asks a stream how it stands, and shows it, until it has ended.

    Args:
      display: where.
      ended: is set when the stream has ended.
      ask: asks the stream. Returns ``None`` if it cannot tell yet.
    """

    def __init__(self, display: Display, ended: threading.Event, ask: Callable[[], StreamStatus | None]) -> None:
        super().__init__(name='bourne status', daemon=True)
        self._display = display
        self._ended = ended
        self._ask = ask

    def run(self) -> None:
        """See :class:`threading.Thread`."""
        try:
            self._follow()
        except Exception:  # what cannot be shown is no reason to end a stream
            logger.exception('the status of the stream cannot be shown')
        finally:
            self._display.close()

    def _follow(self) -> None:
        wait = self._display.first
        while not self._ended.wait(wait):
            wait = self._display.period
            self._show()
        if self._display.final:
            self._show()

    def _show(self) -> None:
        status = self._ask()
        if status is not None:
            self._display.show(status)


class LiveTable:
    """A table of all stages on the terminal. What it showed last stays."""

    first = 0.2
    period = 0.5
    final = True

    def __init__(self, console: Any = None) -> None:
        self._console = console
        self._live: Any = None

    def show(self, status: StreamStatus) -> None:
        """See :class:`Display`."""
        if self._live is None:
            self._live = self._open()
        self._live.update(_rich_table(status), refresh=True)

    def _open(self) -> Any:
        from rich.console import Console
        from rich.live import Live

        console = self._console or Console(stderr=True)
        # What the pipeline prints appears above the table, unless it goes elsewhere.
        live = Live(console=console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())
        live.start()
        return live

    def close(self) -> None:
        """See :class:`Display`."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _rich_table(status: StreamStatus) -> Any:
    from rich.table import Table
    from rich.text import Text

    rows = status.rows()
    used = [place for place in range(len(COLUMNS)) if place == 0 or any(row[place] for row in rows)]
    table = Table(title=Text(status.title), title_justify='left', box=None, pad_edge=False, expand=True)
    for place in used:
        name = COLUMNS[place]
        table.add_column(name, justify='right' if name in NUMBERS else 'left',
                         overflow='ellipsis' if place == 0 else 'fold', ratio=2 if place in (0, used[-1]) else None,
                         no_wrap=name in NUMBERS)
    for row in rows:
        table.add_row(*(Text(row[place]) for place in used))
    return table


class Bar:
    """A bar on the terminal that vanishes at the end: how much of finite data was read."""

    first = PATIENCE
    period = 0.2
    final = False

    def __init__(self, console: Any = None) -> None:
        self._console = console
        self._bar: Any = None
        self._task: Any = None

    def show(self, status: StreamStatus) -> None:
        """See :class:`Display`."""
        if self._bar is None:
            self._open()
        self._bar.update(self._task, total=None if status.read is None else 1.0, completed=status.read,
                         elements=f'{status.taken:,}')

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(TextColumn('stream'), BarColumn(), TextColumn('{task.fields[elements]} elements read'),
                             TimeElapsedColumn(), console=self._console or Console(stderr=True), transient=True,
                             redirect_stdout=sys.stdout.isatty())
        self._task = self._bar.add_task('', total=None, elements='0')
        self._bar.start()

    def close(self) -> None:
        """See :class:`Display`."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Lines:
    """A line in the log ``bourne`` now and then; on stderr if the program has not said where its log goes.

    Args:
      first: seconds until the first line.
      final: there is a line at the end, too.
    """

    period = 10.0

    def __init__(self, first: float, final: bool = False) -> None:
        self.first = first
        self.final = final
        self._handler: logging.Handler | None = None

    def show(self, status: StreamStatus) -> None:
        """See :class:`Display`."""
        if self._handler is None and not logger.hasHandlers():
            self._handler = logging.StreamHandler()
            self._handler.setFormatter(logging.Formatter('%(asctime)s %(name)s: %(message)s'))
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)
        logger.info('%s', status.line())

    def close(self) -> None:
        """See :class:`Display`."""
        if self._handler is not None:
            logger.removeHandler(self._handler)
            logger.setLevel(logging.NOTSET)
            self._handler = None
