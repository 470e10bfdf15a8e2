"""What user functions log on workers arrives at the client, with the transform that logged it.

A record that is logged during a task is sent over the cluster's event log, under a topic of the run. The client hands
it to its own logger of the same name. Which transform was running is told by the stack, as for profiles.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from bourne.engine.plan.stage import Stage
from bourne.engine.stacks import Watched, spot_of
from bourne.runners.dask.texts import sendable
from bourne.runners.dask.topics import is_heard, listening

if TYPE_CHECKING:
    from distributed import Client, Worker

#: The most records that one task sends.
MOST = 1000
#: Loggers whose records are not the user's.
OTHERS = ('distributed', 'dask', 'tornado', 'asyncio', 'bokeh', 'bourne')


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
        try:
            if task is not None and record.name.partition('.')[0] not in OTHERS and task.send(record):
                return
        except Exception:  # such as arguments that are not those of the message
            self.handleError(record)
            return
        last = logging.lastResort
        if last is not None and len(logging.getLogger().handlers) == 1 and record.levelno >= last.level:
            last.handle(record)  # as if this handler, the only one, were not there


class _Task:
    """The task of a thread, as its records see it."""

    def __init__(self, run: str, stage: Stage, worker: Worker) -> None:
        self._topic = topic(run)
        self._watched = Watched.of(0, stage, None)
        self._worker = worker
        self._left = MOST

    def send(self, record: logging.LogRecord) -> bool:
        """Sends a record, unless the task has sent too many; returns whether it did."""
        self._left -= 1
        if self._left < 0:
            return False
        label = spot_of(sys._getframe(), self._watched).step
        text = record.getMessage()
        if record.exc_info:
            text = f'{text}\n{logging.Formatter().formatException(record.exc_info)}'
        if self._left == 0:
            text = f'{text} (this task has logged {MOST} records; the rest stay in the log of the worker)'
        self._worker.log_event(self._topic, {
            'name': sendable(record.name), 'level': record.levelno, 'text': sendable(text), 'label': sendable(label),
            'path': sendable(record.pathname), 'line': record.lineno, 'worker': self._worker.address,
            'created': record.created})
        return True


def levels() -> dict[str, int]:
    """From which level on the loggers of this process log, by name; of those for which it was said."""
    loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    return {one.name: one.level for one in loggers if isinstance(one, logging.Logger) and one.level
            and one.name.partition('.')[0] not in OTHERS}


def lower(levels: Mapping[str, int]) -> None:
    """Has loggers log from these levels on, or from lower ones: what should not be seen is left out by the client."""
    for name, level in levels.items():
        logger = logging.getLogger(None if name == 'root' else name)
        if logger.getEffectiveLevel() > level:
            logger.setLevel(level)


_sender = _Sender()


@contextmanager
def told_apart(run: str, stage: Stage, worker: Worker) -> Iterator[None]:
    """Sends what the calling thread logs inside of the block to the client of the run; unless it is in this process."""
    if is_heard(topic(run)):  # what is logged here is seen without being sent
        yield
        return
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
    name, came = topic(run), threading.Event()
    try:
        with listening(client, name, show), listening(client, name, lambda event: came.set()):
            yield
    finally:
        if came.is_set() and client.status == 'running' and not is_heard(name):
            with suppress(Exception):
                client.run_on_scheduler(_forget, name, client.id)


def _forget(topic: str, client: str, dask_scheduler: Any) -> None:
    """Has the scheduler forget the records, which it would keep as long as it runs: Dask has no public way.

    Unless others wait for the same run. The client itself may be on its way out.
    """
    topics = dask_scheduler._broker._topics
    if topic in topics and topics[topic].subscribers <= {client}:
        del topics[topic]
