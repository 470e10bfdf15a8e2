"""The directory of a run, for blocks that are not in memory. It goes with the run, however that ends."""

from __future__ import annotations

import os

from bourne.errors import ExecutionError

#: How its name begins. The process that owns it follows.
PREFIX = 'bourne-run-'


def make_folder(temp_dir: str | None) -> str:
    """A new directory for this process, after those of runs that were killed are removed.

    Args:
      temp_dir: where; by default the system's place for temporary files.

    Raises:
      ExecutionError: if it cannot be made.
    """
    import tempfile

    remove_stale(temp_dir)
    try:
        return tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}-', dir=temp_dir)
    except OSError as error:
        raise ExecutionError(f'--temp_dir: cannot make a directory in {temp_dir!r}: {error}') from error


def remove_folder(folder: str) -> None:
    """Removes a directory with all that is in it."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def remove_stale(temp_dir: str | None) -> None:
    """Removes the directories that runs left which were killed: those whose process is gone."""
    import glob
    import tempfile

    for folder in glob.glob(os.path.join(glob.escape(temp_dir or tempfile.gettempdir()), f'{PREFIX}*')):
        owner = os.path.basename(folder).removeprefix(PREFIX).partition('-')[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            remove_folder(folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
