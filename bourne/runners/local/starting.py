"""Worker processes: how they are started, and how they ended."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bourne.errors import ExecutionError
from bourne.runners.common.spawning import main_left_alone


def start_process(context: Any, target: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Starts a process that ends with this one.

    Args:
      context: a context of ``multiprocess``, for ``fork`` or ``spawn``.
      target: its main function.
      args: the arguments.
    """
    process = context.Process(target=target, args=args, daemon=True)
    with main_left_alone(), _interrupts_held_back(context), warnings.catch_warnings():
        # Python warns of forking where there are threads. The worker takes no lock that one of them could hold.
        warnings.simplefilter('ignore', DeprecationWarning)
        process.start()
    return process


@contextmanager
def starting(workers: int) -> Iterator[None]:
    """Says of what the system refuses that it was for one of so many worker processes.

    Raises:
      ExecutionError: instead of an ``OSError``: there may be no more open files, processes or memory.
    """
    try:
        yield
    except OSError as error:
        raise ExecutionError(f'cannot start {workers} worker processes: {error.strerror or error}. Ask for fewer with '
                             f'--workers, or let this process have more (ulimit -a shows its limits)') from error


def ignore_interrupts() -> None:
    """For a process that was started: Ctrl-C at a terminal reaches it, too, but it is the coordinator that ends it.

    Not by ``SIG_IGN``, which programs that a user function starts would inherit: they are to end.
    """
    signal.signal(signal.SIGINT, _unheard)
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _unheard(number: int, frame: Any) -> None:
    """Does nothing."""


@contextmanager
def _interrupts_held_back(context: Any) -> Iterator[None]:
    """Has a process started that no Ctrl-C ends, with a traceback, before it calls :func:`ignore_interrupts`."""
    if not hasattr(signal, 'pthread_sigmask'):
        yield
        return
    if context.get_start_method() != 'fork':
        from multiprocess.resource_tracker import ensure_running

        ensure_running()  # when it starts, it lets them through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cause_of_death(exitcode: int | None) -> str:
    """How a process ended, for people."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ' (perhaps by the system, for lack of memory)' if name == 'SIGKILL' else ''
        return f'was killed by {name}{hint}'
    return f'ended itself with exit code {exitcode}'
