"""What the scheduler keeps of detached jobs: a record of each, and the rules by which records change.

Every function here runs on the scheduler as a whole, between two of its events, so that each is atomic: by them it is
decided which attempt of a job may commit. The first client that asks brings them. A record is a dict of plain data. As
long as a job has not ended, the scheduler keeps its task as if a client wanted it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bourne.errors import ExecutionError

#: The name of the records among the scheduler's extensions, and of the client that wants the tasks of jobs.
NAME = 'bourne-jobs'
#: How many jobs that have ended are kept.
KEPT = 100

STARTING, RUNNING, DONE, FAILED, CANCELLED = 'STARTING', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED'
ENDED = (DONE, FAILED, CANCELLED)

#: What :func:`begin` says: run; there is nothing to do any more; the one before died while committing.
GO, OVER, DIED = 'go', 'over', 'died'

Record = dict[str, Any]


def ask(client: Any, question: Callable[..., Any], *arguments: Any) -> Any:
    """Has the scheduler answer.

    Args:
      client: a client of the cluster.
      question: a function of this module.
      arguments: its arguments, but for the scheduler.

    Raises:
      ExecutionError: if it does not answer any more.
    """
    try:
        if not client.__dict__.get('_bourne_jobs'):
            client.run_on_scheduler(install)
            client.__dict__['_bourne_jobs'] = True
        return client.sync(getattr(client.scheduler, _handler(question)), arguments=arguments)
    except OSError as error:
        raise ExecutionError(f'the connection to the Dask scheduler at {client.scheduler.address} is lost ({error}). '
                             f'Detached jobs end with their scheduler') from None


def install(dask_scheduler: Any = None) -> None:
    """Makes the scheduler answer these questions. (Functions that are sent to it each time are logged each time.)"""
    dask_scheduler.handlers.update(
        (_handler(question), _answering(dask_scheduler, question))
        for question in (enter, begin, report, commit, end, cancel, find, outcome))


def _handler(question: Callable[..., Any]) -> str:
    return f'bourne_jobs_{question.__name__}'


def _answering(scheduler: Any, question: Callable[..., Any]) -> Callable[..., Any]:
    def answer(arguments: Any) -> Any:
        return question(scheduler, *arguments)

    return answer


def _records(scheduler: Any) -> dict[str, Record]:
    records: dict[str, Record] = scheduler.extensions.setdefault(NAME, {})
    return records


def enter(scheduler: Any, job: str, key: str, name: str) -> bool:
    """Makes the record of a job, and keeps its task alive. False if the scheduler has not got the task yet.

    Args:
      scheduler: the scheduler.
      job: its id.
      key: the key of its task.
      name: what people call it.
    """
    records = _records(scheduler)
    if job in records:
        return True
    task = scheduler.tasks.get(key)
    if task is None or not task.who_wants:
        return False
    over = [known for known, record in records.items() if record['state'] in ENDED]
    for known in over[:max(0, len(over) - KEPT + 1)]:
        del records[known]
        _forget_events(scheduler, known)
    records[job] = {'job': job, 'key': key, 'name': name, 'state': STARTING, 'started': time.time(), 'ended': None,
                    'attempt': 0, 'worker': '', 'committing': False, 'cancelled': False, 'stage': '', 'number': 0,
                    'total': 0, 'elements': 0, 'share': None, 'problem': '', 'outcome': b''}
    scheduler.client_desires_keys(keys=[key], client=NAME)
    return True


def begin(scheduler: Any, job: str, key: str, name: str, worker: str) -> tuple[str, int]:
    """An attempt begins: what it is to do, and which one it is.

    A second one begins if the worker of the first was lost. It may run from scratch unless the first had begun to
    commit: what that one left cannot be known.
    """
    if not enter(scheduler, job, key, name):
        return OVER, 0
    record = _records(scheduler)[job]
    if record['state'] not in ENDED and record['committing']:
        _end(scheduler, record, FAILED, problem=_died_committing(record))
    if record['state'] not in ENDED and record['cancelled']:
        _end(scheduler, record, CANCELLED)
    if record['state'] in ENDED:
        return DIED if record['committing'] else OVER, record['attempt']
    record.update(state=RUNNING, attempt=record['attempt'] + 1, worker=worker, stage='', number=0, elements=0,
                  share=None, outcome=b'')
    return GO, record['attempt']


def report(scheduler: Any, job: str, attempt: int, news: Record) -> bool:
    """Notes how far an attempt is. False if it has to end: it was cancelled, or is not the last one."""
    record = _current(scheduler, job, attempt)
    if record is None:
        return False
    record.update(news)
    return True


def commit(scheduler: Any, job: str, attempt: int) -> bool:
    """Asks for the right to commit, which no other attempt gets after this one. False if there is none."""
    record = _current(scheduler, job, attempt)
    if record is None:
        return False
    record['committing'] = True
    return True


def _current(scheduler: Any, job: str, attempt: int) -> Record | None:
    record = _records(scheduler).get(job)
    if record is None or record['state'] != RUNNING or record['attempt'] != attempt or record['cancelled']:
        return None
    return record


def end(scheduler: Any, job: str, attempt: int, state: str, outcome: bytes) -> None:
    """Notes how an attempt ended, unless there was another one after it."""
    record = _records(scheduler).get(job)
    if record is not None and record['state'] == RUNNING and record['attempt'] == attempt:
        _end(scheduler, record, state, outcome=outcome)


def cancel(scheduler: Any, job: str) -> str:
    """Has a job end as soon as possible; returns its state, ``''`` if it is not known."""
    record = _records(scheduler).get(job)
    if record is None:
        return ''
    _settle(scheduler, record)
    if record['state'] not in ENDED:
        record['cancelled'] = True
        if scheduler.tasks[record['key']].state != 'processing':  # nobody is there to notice
            _end(scheduler, record, CANCELLED)
    state: str = record['state']
    return state


def find(scheduler: Any, job: str | None) -> list[Record]:
    """The record of a job, or of all of them, the oldest first; without what :func:`outcome` gives."""
    records = _records(scheduler)
    found = list(records.values()) if job is None else [records[job]] if job in records else []
    for record in found:
        _settle(scheduler, record)
    return [{name: value for name, value in record.items() if name != 'outcome'} for record in found]


def outcome(scheduler: Any, job: str) -> bytes:
    """What the last attempt has told of itself so far; ``b''`` for nothing."""
    data: bytes = _records(scheduler).get(job, {}).get('outcome', b'')
    return data


def topic(job: str) -> str:
    """The topic of the event log under which the end of a job is told."""
    return f'{NAME}-{job}'


def _forget_events(scheduler: Any, job: str) -> None:
    """Drops what a job has logged and told, which the scheduler would keep as long as it runs."""
    topics = getattr(getattr(scheduler, '_broker', None), '_topics', {})  # Dask has no public way
    for name in [name for name in topics if job in name]:
        del topics[name]


def _end(scheduler: Any, record: Record, state: str, **more: Any) -> None:
    record.update(state=state, ended=time.time(), **more)
    scheduler.client_releases_keys(keys=[record['key']], client=NAME)
    scheduler.log_event(topic(record['job']), state)


def _settle(scheduler: Any, record: Record) -> None:
    """Ends the record of a job whose task is not there any more, or will never run again."""
    if record['state'] in ENDED:
        return
    task = scheduler.tasks.get(record['key'])
    if task is None:
        problem = 'the scheduler has lost it, since the cluster was restarted or somebody cancelled its task'
    elif task.state == 'erred':
        problem = f'Dask could not run it: {(task.exception_blame or task).exception_text}'
    elif task.state == 'memory':
        problem = 'it has ended without a word; the log of its worker may tell more'
    elif record['committing'] and task.state != 'processing':
        problem = _died_committing(record)
    else:
        return
    _end(scheduler, record, FAILED, problem=problem)


def _died_committing(record: Record) -> str:
    return (f'the worker that drove it, {record["worker"]}, died while committing its output. Some of it may be '
            f'there, and the rest still where it was prepared, so the job is not run again by itself: look at what is '
            f'there, and start it anew')
