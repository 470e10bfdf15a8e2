"""Output that appears whole or not at all: files are written aside and moved to their names in the end.

Everything a run prepares lies in one directory beside the output, on the same file system, with a name that
no pattern matches (:data:`bourne.io.globs.HIDDEN`). Committing moves the files to their final names; what
an earlier run left under these names is moved aside first, and comes back if anything fails. For local
files each move is a rename. Other file systems may copy, so there the old files are overwritten, and the
rest of them removed last.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from bourne.errors import BourneError, SinkError
from bourne.io import files, globs
from bourne.io.files import delete, exists, is_local, join, local_path, mkdirs, rename, size_of, split
from bourne.sdk.model.sink import WriteTask

#: Seconds after its last change in which a run's directory is taken for one that a killed run left.
OLD = 7 * 24 * 3600


class Staged(NamedTuple):
    """A prepared file: where it lies, and its size in bytes (``None`` if the file system does not tell)."""

    path: str
    size: int | None


class Move(NamedTuple):
    """A prepared file and its final name."""

    staged: Staged
    target: str


def directory_for(target: str, run: str, identity: str) -> str:
    """The directory that holds what a run prepares for one sink.

    Args:
      target: the directory of the output.
      run: the run.
      identity: tells the sink from others that write to the same directory in the same run.
    """
    safe = re.sub(r'[^A-Za-z0-9_.-]', '_', run)
    return join(target, f'{globs.HIDDEN}{safe}-{files.digest(identity)}')


def staged_name(task: WriteTask, number: int) -> str:
    """The name of a file that no other writer of the same sink has.

    Args:
      task: the writer's task.
      number: tells the files of the writer from each other.
    """
    return f'{task.epoch}-{task.shard:05d}-{files.digest(task.attempt)}-{number}'


def create(path: str, kind: str, target: str) -> BinaryIO:
    """Opens a file to be prepared.

    Args:
      path: where it lies.
      kind: how it is compressed, not ``AUTO``.
      target: what it is for, for errors.

    Raises:
      SinkError: if it cannot be opened, or if somebody else writes it.
    """
    if exists(path):
        raise SinkError(
            f'{path} is there already: two writes of the pipeline have the same output, which is {target}. '
            'Give them different names')
    return files.open_file(path, 'wb', kind)


def staged(path: str) -> Staged:
    """What to remember of a file that was written and closed."""
    return Staged(path, size_of(path))


def publish(directory: str, moves: Sequence[Move], old: Iterable[str]) -> None:
    """Moves prepared files to their final names: all of them, or none if a move fails.

    May be called again with the same arguments after a crash: a file that is gone from where it was
    prepared and is there under its final name with the right size was moved before.

    Args:
      directory: where the run's prepared files lie.
      moves: what to move where.
      old: files of earlier runs that the output replaces.

    Raises:
      SinkError: if a prepared file is lost or cannot be moved.
    """
    done = {move.target for move in moves if _was_moved(move)}
    left = [move for move in moves if move.target not in done]
    replaced = {path: None for path in old if path not in done}
    for parent in {split(move.target)[0] for move in left}:
        mkdirs(parent)
    steps = [(move.staged.path, move.target) for move in left]
    if is_local(directory):
        replaced.update((target, None) for _, target in steps if os.path.isfile(local_path(target)))
        _move_all([*_steps_aside(directory, replaced), *steps])
    else:
        _move_all(steps)
        for path in replaced.keys() - {move.target for move in left}:
            delete(path)


def _steps_aside(directory: str, replaced: Iterable[str]) -> list[tuple[str, str]]:
    aside = join(directory, 'old')
    steps = [(path, join(aside, f'{files.digest(path)}-{split(path)[1]}')) for path in replaced]
    if steps:
        mkdirs(aside)
    return steps


def _was_moved(move: Move) -> bool:
    path, size = move.staged
    if exists(path):
        return False
    found = size_of(move.target)
    if found is None or (size is not None and found != size):
        raise SinkError(
            f'the file {path}, which was prepared to become {move.target}, is gone: something else removed '
            'it, or another write with the same output name ran at the same time')
    return True


def _move_all(steps: Sequence[tuple[str, str]]) -> None:
    done: list[tuple[str, str]] = []
    try:
        for source, target in steps:
            rename(source, target)
            done.append((source, target))
    except BaseException as error:
        for source, target in reversed(done):
            try:
                rename(target, source)
            except BourneError as second:
                error.add_note(f'{target} could not be moved back to {source}: {second}')
        raise


def discard(paths: Iterable[str]) -> None:
    """Removes prepared files or directories, as far as that is possible; never raises."""
    for path in paths:
        try:
            delete(path)
        except (BourneError, OSError):
            continue


def discard_old(target: str) -> None:
    """Removes what killed runs prepared for a local directory a week ago or earlier; never raises.

    Nothing tells a run that was killed from one that goes on, perhaps on another host, but that it changes nothing.

    Args:
      target: the directory of the output.
    """
    if is_local(target):
        with suppress(OSError), os.scandir(local_path(target)) as entries:
            discard([entry.path for entry in entries
                     if entry.name.startswith(globs.HIDDEN) and time.time() - _last_change(entry.path) > OLD])


def _last_change(directory: str) -> float:
    return max(os.stat(path).st_mtime for path in [directory, *(entry.path for entry in os.scandir(directory))])
