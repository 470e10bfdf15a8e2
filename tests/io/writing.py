"""Writes to sinks as an engine does, with crashes at any point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bourne.io import files, staging
from bourne.sdk.model.sink import Sink, WriteTask


class Crash(BaseException):
    """The process is gone."""


def write(sink: Sink[Any], tasks: Sequence[Sequence[Any]], run: str = 'run', block: int = 1000) -> list[Any]:
    """Writes each of the lists as a task, commits, and cleans up. The output of the commit."""
    sink.check()
    try:
        return list(sink.commit(run, prepare(sink, tasks, run, block)))
    finally:
        sink.cleanup(run)


def prepare(
    sink: Sink[Any], tasks: Sequence[Sequence[Any]], run: str = 'run', block: int = 1000, attempt: str = '0',
) -> list[tuple[int, Any]]:
    """Writes each of the lists as a task. What a commit needs."""
    prepared = []
    for shard, values in enumerate(tasks):
        writer = sink.open(WriteTask(run, shard, sink.shards, attempt))
        try:
            for start in range(0, len(values), block):
                writer.write(values[start:start + block])
            token = writer.prepare()
        except BaseException:
            writer.abort()
            raise
        if token is not None:
            prepared.append((shard, token))
    return prepared


def contents(root: Path) -> dict[str, str]:
    """All files below a directory, with their text."""
    return {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob('*')) if path.is_file()}


def crashing_at(step: int, patch: Any, error: type[BaseException]) -> Callable[[], int]:
    """Makes the ``step``-th change of the file system fail, from 0.

    Returns:
      A function that says how many changes there were.
    """
    count = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal count
            count += 1
            if count - 1 == step:
                raise error(f'step {step}')
            return function(*args)

        return call

    for name in ('rename', 'mkdirs'):
        patch.setattr(staging, name, counted(getattr(files, name)))
    return lambda: count


def commit_again(sink: Sink[Any], run: str, prepared: Sequence[tuple[int, Any]]) -> list[Any]:
    """What recovery does after a crash."""
    with suppress(Crash):
        return list(sink.commit(run, prepared))
    raise AssertionError('crashed again')
