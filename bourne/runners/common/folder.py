"""The directory of a run, for blocks that are not in memory. It goes with the run, however that ends."""

from __future__ import annotations

import os

from bourne.errors import ExecutionError

#: How its name begins. The process that owns it follows.
PREFIX = 'bourne-run-'


class RunFolder:
    """The directory of a run, which is made when its path is asked for first.

    Before that, those of runs that were killed are removed.

    Args:
      temp_dir: where it is made; by default the system's place for temporary files.
    """

    def __init__(self, temp_dir: str | None) -> None:
        self._temp_dir = temp_dir
        self._path: str | None = None

    def __fspath__(self) -> str:
        """Its path.

        Raises:
          ExecutionError: if it cannot be made.
        """
        if self._path is None:
            import tempfile

            try:
                place = self._temp_dir or tempfile.gettempdir()
                remove_stale(place)
                self._path = tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}-', dir=place)
            except OSError as error:
                raise ExecutionError(f'cannot make a directory for data that has no place in memory: {error}. Choose '
                                     'another place with --temp_dir') from error
        return self._path

    def remove(self) -> None:
        """Removes it with all that is in it."""
        path, self._path = self._path, None
        if path is not None:
            _remove(path)


def _remove(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def remove_stale(temp_dir: str | None) -> None:
    """Removes the directories that runs left which were killed: those whose process is gone."""
    import glob
    import tempfile

    for folder in glob.glob(os.path.join(glob.escape(temp_dir or tempfile.gettempdir()), f'{PREFIX}*')):
        owner = os.path.basename(folder).removeprefix(PREFIX).partition('-')[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            _remove(folder)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
