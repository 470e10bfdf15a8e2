"""What user functions log on workers arrives at the client, with the transform that logged it.

A record that is logged during a task is sent over the cluster's event log, under a topic of the run. The client hands
it to its own logger of the same name. Which transform was running is told by the stack, as for profiles.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bourne.engine.plan.stage import Stage
from bourne.engine.stacks import Watched, spot_of

if TYPE_CHECKING:
    from distributed import Client, Worker

#: The most records that one task sends.
MOST = 1000


def topic(run: str) -> str:
    """The topic of a run's records. The attempts of a detached job share one."""
    return f'bourne-log-{run.partition("x")[0]}'


class _Sender(logging.Handler):
    """Sends the records of threads that run a task."""

    def __init__(self) -> None:
        super().__init__()
        self.local = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        task = getattr(self.local, 'task', None)
        if task is None or record.name.startswith(('distributed', 'tornado', 'asyncio')):
            return
        task.send(record)


class _Task:
    """The task of a thread, as its records see it."""

    def __init__(self, run: str, stage: Stage, worker: Worker) -> None:
        self._topic = topic(run)
        self._watched = Watched.of(0, stage, None)
        self._worker = worker
        self._left = MOST

    def send(self, record: logging.LogRecord) -> None:
        """Sends a record, unless the task has sent too many."""
        self._left -= 1
        if self._left < 0:
            return
        label = spot_of(sys._getframe(), self._watched).step
        text = record.getMessage()
        if record.exc_info:
            text = f'{text}\n{logging.Formatter().formatException(record.exc_info)}'
        if self._left == 0:
            text = f'{text} (this task has logged {MOST} records; the rest stay in the log of the worker)'
        self._worker.log_event(self._topic, {
            'name': record.name, 'level': record.levelno, 'text': text, 'label': label, 'path': record.pathname,
            'line': record.lineno, 'worker': self._worker.address, 'created': record.created})


_sender = _Sender()


@contextmanager
def told_apart(run: str, stage: Stage, worker: Worker) -> Iterator[None]:
    """Sends what the calling thread logs inside of the block to the client of the run."""
    root = logging.getLogger()
    if _sender not in root.handlers:
        root.addHandler(_sender)
    _sender.local.task = _Task(run, stage, worker)
    try:
        yield
    finally:
        _sender.local.task = None


def show(event: tuple[Any, dict[str, Any]]) -> None:
    """Hands a record that arrived to the logger of its name.

    Args:
      event: when it was sent, and what.
    """
    _, said = event
    logger = logging.getLogger(said['name'])
    if not logger.isEnabledFor(said['level']):
        return
    text = f'[{said["label"]}] {said["text"]}' if said['label'] else said['text']
    record = logger.makeRecord(said['name'], said['level'], said['path'], said['line'], text, (), None,
                               extra={'bourne_transform': said['label'], 'bourne_worker': said['worker']})
    record.created = said['created']
    logger.handle(record)


@contextmanager
def shown(client: Client, run: str) -> Iterator[None]:
    """Shows what the tasks of a run log while it goes on."""
    client.subscribe_topic(topic(run), show)
    try:
        yield
    finally:
        client.unsubscribe_topic(topic(run))
