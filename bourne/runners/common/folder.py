"""The directory of a run, for blocks that are not in memory. It goes with the run, however that ends.

A run holds a lock on its directory, which the system lets go of when the run's processes are gone. That tells a run
that was killed from one that goes on, also where numbers of processes do not: in another container, or in one where
every run has the same. On a network file system neither may tell anything of another host, so what is left there by one
stays for a day after its last change.
"""

from __future__ import annotations

import os
import time
import zlib
from contextlib import suppress

from bourne.errors import ExecutionError

#: How its name begins. The process that owns it, and its host, follow.
PREFIX = 'bourne-run-'
#: Seconds in which a run surely gets its lock.
YOUNG = 60
#: Seconds after which a directory of another host is taken for one that is left over.
OLD = 24 * 3600


class RunFolder:
    """The directory of a run, which is made when its path is asked for first.

    Before that, those of runs that were killed are removed.

    Args:
      temp_dir: where it is made; by default the system's place for temporary files.
    """

    def __init__(self, temp_dir: str | None) -> None:
        self._temp_dir = temp_dir
        self._path: str | None = None
        self._lock: int | None = None

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
                while self._path is None:
                    self._path = tempfile.mkdtemp(prefix=prefix(os.getpid()), dir=place)
                    with suppress(FileNotFoundError):
                        self._lock = _locked(self._path, wait=True)
                    if not os.path.isdir(self._path):  # somebody was faster, and took it for one that is left over
                        self._unlock()
                        self._path = None
            except OSError as error:
                raise ExecutionError(f'cannot make a directory for data that has no place in memory: {error}. Choose '
                                     'another place with --temp_dir') from error
        return self._path

    def remove(self) -> None:
        """Removes it with all that is in it."""
        path, self._path = self._path, None
        if path is not None:
            _remove(path)
        self._unlock()

    def _unlock(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def prefix(process: int) -> str:
    """How the names of a process's directories begin."""
    return f'{PREFIX}{process}-{_host()}-'


def _host() -> str:
    """Tells this host from others, without a dash."""
    import socket

    return f'{zlib.crc32(socket.gethostname().encode()):08x}'


def _locked(folder: str, wait: bool) -> int | None:
    """A descriptor that holds the lock on a directory; ``None`` where directories cannot be locked.

    Raises:
      BlockingIOError: if it is not to wait, and somebody else has the lock.
      FileNotFoundError: if there is no such directory.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:  # some network file systems
        os.close(lock)
        return None
    return lock


def _remove(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def remove_stale(temp_dir: str | None) -> None:
    """Removes the directories that runs left which were killed: nobody has the lock, nor is about to get it."""
    import glob
    import tempfile

    for folder in glob.glob(os.path.join(glob.escape(temp_dir or tempfile.gettempdir()), f'{PREFIX}*')):
        with suppress(OSError):  # it is somebody else's, or gone
            lock = _locked(folder, wait=False)
            try:
                if _is_left_over(folder, lock is not None):
                    _remove(folder)
            finally:
                if lock is not None:
                    os.close(lock)


def _is_left_over(folder: str, locked: bool) -> bool:
    """True if there is nobody to whom a directory belongs.

    Args:
      folder: the directory, on which nobody else has a lock as far as can be seen.
      locked: this process has got it.
    """
    owner, _, rest = os.path.basename(folder).removeprefix(PREFIX).partition('-')
    age = time.time() - os.stat(folder).st_mtime
    if rest.partition('-')[0] != _host():
        return locked and age > OLD
    return (owner.isdigit() and not _is_alive(int(owner))) or (locked and age > YOUNG)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
