"""The contract of everything that can be written to, so that output appears whole, and once.

Writing has two steps. Tasks *prepare*: a writer takes elements and, at the end, makes them durable where no reader
of the output sees them (a temporary file, an open transaction, a staging table), and returns a small token. Then, in
one place, the coordinator *commits* the tokens of all tasks that count. A task that ran twice prepared twice; only
one of its tokens is committed and the other is given to ``abort``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import attrs

T = TypeVar('T')


@attrs.frozen(slots=True)
class WriteTask:
    """Which part of the output a writer is for.

    Attributes:
      run: identifies the run; the same in every task and attempt of it, different in every other run.
      shard: the part's number, from 0; the same when the task is tried again.
      shards: how many parts there are, or ``None`` where that is known only at the commit.
      attempt: which try this is, unique for every writer that was ever opened for the shard.
      epoch: which step of a stream this is; 0 in a batch.
    """

    run: str
    shard: int
    shards: int | None = None
    attempt: str = '0'
    epoch: int = 0


class Writer(ABC, Generic[T]):
    """Takes one task's elements. Used by one thread; never pickled."""

    @abstractmethod
    def write(self, values: Sequence[T]) -> None:
        """Takes the next elements, a block at a time.

        Raises:
          bourne.errors.SinkError: if they cannot be written.
        """

    @abstractmethod
    def prepare(self) -> Any:
        """Ends writing: everything is durable but not visible.

        Returns:
          A small picklable token that :meth:`Sink.commit` or :meth:`Sink.abort` needs, or ``None`` if
          nothing was written and nothing is to be committed.
        """

    @abstractmethod
    def abort(self) -> None:
        """Removes what was written. Called instead of ``prepare`` when the task fails; must not raise."""


class Sink(ABC, Generic[T]):
    """Describes where output goes. Instances are small, immutable and picklable; most are ``@portable``."""

    @property
    def shards(self) -> int | None:
        """How many parts the output must have, or ``None`` to have one a task."""
        return None

    def check(self) -> None:
        """Refuses a target that cannot work, before anything runs."""

    @abstractmethod
    def open(self, task: WriteTask) -> Writer[T]:
        """A writer for one task."""

    @abstractmethod
    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        """Makes prepared output visible, all of it or none as far as the system below can do that.

        Called in one place, once everything that belongs to the epoch is prepared. Must be idempotent: after
        a crash it is called again with the same arguments.

        Args:
          run: the ``run`` of the tasks.
          prepared: ``(shard, token)`` of each task that wrote something, ordered by shard. Shard numbers rise but
            need not be dense.
          epoch: the ``epoch`` of the tasks.

        Returns:
          What the write transform emits as its own output (for files: their final names), perhaps nothing.

        Raises:
          bourne.errors.SinkError: if the output cannot be made visible.
        """

    def abort(self, run: str, tokens: Sequence[Any]) -> None:
        """Removes prepared output that will not be committed. Must be idempotent, and must not raise."""

    def cleanup(self, run: str) -> None:
        """Removes everything that the run left in temporary places, also by tasks that vanished without a word.

        Called once at the end of a run, after success and after failure. Must not raise.
        """
