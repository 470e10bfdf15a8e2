"""A worker process: takes tasks from a pipe, and answers with what they made.

What comes, and the answers, each one pickle:

==========================================  ====================================================
``('stage', number, sides)``                none; tasks of that stage follow
``('task', task)``                          ``('done', result, number of the last file)`` or
                                            ``('failed', exception)``, and before that perhaps
                                            ``('progress', elements)`` and
                                            ``('profile', seconds by spot)``
``('end',)``, also during a task            ``('ended', exception or None)``: the stage is torn down
==========================================  ====================================================
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import time
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

import cloudpickle

from bourne.engine.plan.stage import Plan
from bourne.engine.task import Run, StageInstance, Task, sampler_for
from bourne.errors import ExecutionError
from bourne.runners.common.collector import relaxed_collector
from bourne.runners.common.failures import pack
from bourne.runners.common.filestore import FileStore
from bourne.runners.local.starting import ignore_interrupts
from bourne.sdk.model.coders import registry
from bourne.sdk.value_provider import RuntimeValueProvider

if TYPE_CHECKING:
    from bourne.engine.sampler import Sampler

#: Seconds between two messages of progress.
INTERVAL = 0.2


class _Ended(BaseException):
    """The coordinator does not want the task at hand any more; not an error of any user function."""


class _Reporter:
    """Sends progress and samples to the coordinator, not too often, and hears whether the task shall end."""

    def __init__(self, pipe: Any, sampler: Sampler | None) -> None:
        self._pipe = pipe
        self._sampler = sampler
        self._elements = 0
        self._next = time.monotonic() + INTERVAL

    def __call__(self, elements: int, share: float | None) -> None:
        self._elements += elements
        if time.monotonic() >= self._next:
            self.flush()
            if self._pipe.poll():  # during a task, all that can come is the end
                raise _Ended

    def flush(self) -> None:
        """Sends what has not been sent."""
        if self._elements:
            _send(self._pipe, ('progress', self._elements))
            self._elements = 0
        if self._sampler is not None and (samples := self._sampler.take()):
            _send(self._pipe, ('profile', samples))
        self._next = time.monotonic() + INTERVAL


def _send(pipe: Any, message: Any) -> None:
    # What a sink prepared may hold anything, such as objects of classes that only the user's script has.
    pipe.send_bytes(cloudpickle.dumps(message, protocol=5))


def work(pipe: Any, others: list[Any], setting: bytes, folder: str, name: str,
         compress_after: float) -> None:
    """The main function of a worker process.

    Args:
      pipe: its end of the pipe to the coordinator.
      others: pipes that it inherited and must not keep open.
      setting: the plan, the run, the pipeline's options and the registered coders, pickled.
      folder: where blocks are.
      name: this process's name in the block store.
      compress_after: how many bytes it writes before it compresses blocks.
    """
    ignore_interrupts()
    for other in others:
        other.close()
    gc.freeze()
    Thread(target=_end_with_the_coordinator, name='bourne lifeline', daemon=True).start()
    try:
        plan, run, options, coders = pickle.loads(setting)
        RuntimeValueProvider.set_runtime_options(options)
        registry.load_custom_type_coder_tuples(coders)
        with relaxed_collector(), sampler_for(run) as sampler:
            _serve(pipe, plan, run, FileStore(folder, name, compress_after), sampler)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the coordinator is gone
    except Exception as error:  # the plan cannot be loaded here: the answer to whatever is asked first
        with suppress(OSError):
            _send(pipe, ('failed', pack(error)))
    finally:
        # No clean-up of what was inherited from the coordinator: its files, its atexit functions.
        os._exit(0)


def _end_with_the_coordinator() -> None:
    """Ends this process when that of the coordinator ends, whatever a user function is doing."""
    from multiprocess import parent_process

    parent_process().join()
    os._exit(1)


def _serve(pipe: Any, plan: Plan, run: Run, store: FileStore, sampler: Sampler | None) -> None:
    stages = list(plan.stages)
    instance: StageInstance | None = None
    reporter = _Reporter(pipe, sampler)
    while True:
        match pickle.loads(pipe.recv_bytes()):
            case ('stage', number, sides):
                instance = StageInstance(plan, run, stages[number], sides, store, sampler)
            case ('task', task):
                assert instance is not None
                with suppress(_Ended):
                    _send(pipe, _perform(instance, task, store, reporter))
            case ('end',):
                assert instance is not None
                failure = _close(instance)
                reporter.flush()
                _send(pipe, ('ended', failure))
                instance = None


def _perform(instance: StageInstance, task: Task, store: FileStore, reporter: _Reporter) -> tuple[Any, ...]:
    try:
        result = instance.run(task, reporter)
        store.seal()
    except _Ended:
        raise
    except BaseException as error:  # of a user function: a KeyboardInterrupt of its own, or what its library has
        return 'failed', pack(error)
    finally:
        with suppress(OSError, ExecutionError):
            store.seal()
        _flush_prints()
    reporter.flush()
    return 'done', result, store.number


def _flush_prints() -> None:
    """Writes out what user functions printed: this process will be killed, or end without a clean-up."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _close(instance: StageInstance) -> bytes | None:
    try:
        instance.close()
    except BaseException as error:
        return pack(error)
    finally:
        _flush_prints()
    return None
