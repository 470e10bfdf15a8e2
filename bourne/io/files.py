"""Files by path or URL: open, move and remove them.

Plain paths (and ``file://`` URLs) go straight to the operating system; every other URL goes through fsspec,
which knows ``memory://``, ``s3://``, ``gs://``, ``https://`` and many more, each with its own package and
settings. Errors are :class:`~bourne.errors.SourceError` where something is read and
:class:`~bourne.errors.SinkError` where something is written; they name the path.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import shutil
from typing import Any, BinaryIO, Literal, cast

from bourne.errors import BourneError, SinkError, SourceError
from bourne.io import compression
from bourne.io.compression import CompressionTypes

_SCHEME = re.compile(r'[a-zA-Z][-a-zA-Z0-9+.]*(?=://|::.*://)')


def scheme_of(path: str) -> str | None:
    """The scheme of a URL, ``None`` for a plain path."""
    scheme = _SCHEME.match(path)
    return scheme[0] if scheme else None


def is_local(path: str) -> bool:
    """True for a plain path and for a ``file://`` URL."""
    scheme = scheme_of(path)
    return scheme is None or (scheme in ('file', 'local') and '::' not in path)


def local_path(path: str) -> str:
    """The plain path of what :func:`is_local` says is local."""
    return path.partition('://')[2] if _SCHEME.match(path) else path


def open_file(
    path: str, mode: Literal['rb', 'wb'] = 'rb', compression_type: str = CompressionTypes.AUTO,
) -> BinaryIO:
    """Opens a file for reading or for writing.

    Args:
      path: a path or URL.
      mode: ``'rb'`` to read; ``'wb'`` to write anew (the directories above must exist).
      compression_type: how the file is compressed.

    Raises:
      SourceError: if it cannot be opened for reading.
      SinkError: if it cannot be opened for writing.
      UnsupportedError: if an optional package is needed and not installed.
    """
    kind = compression.resolve(path, compression_type)
    compression.check_available(kind)
    error_class = SourceError if mode == 'rb' else SinkError
    try:
        if is_local(path):
            raw: BinaryIO = open(local_path(path), mode)  # noqa: SIM115 - the caller closes it
        else:
            system, name = system_of(path, error_class)
            raw = system.open(name, mode)
    except BourneError:
        raise
    except Exception as error:
        verb = 'open' if mode == 'rb' else 'write'
        raise error_class(f'cannot {verb} {path}: {reason_of(error)}') from error
    return compression.reading(raw, kind) if mode == 'rb' else compression.writing(raw, kind)


def exists(path: str) -> bool:
    """True if there is a file or directory of that name."""
    if is_local(path):
        return os.path.exists(local_path(path))
    system, name = system_of(path, SourceError)
    return bool(system.exists(name))


def size_of(path: str) -> int | None:
    """The size of a file in bytes, or ``None`` if there is no such file."""
    try:
        if is_local(path):
            return os.path.getsize(local_path(path))
        system, name = system_of(path, SourceError)
        return int(system.info(name)['size'])
    except FileNotFoundError:
        return None


def mkdirs(path: str) -> None:
    """Makes a directory and those above it; one that is there already is fine.

    Raises:
      SinkError: if it cannot be made.
    """
    try:
        if is_local(path):
            os.makedirs(local_path(path) or '.', exist_ok=True)
        else:
            system, name = system_of(path, SinkError)
            system.makedirs(name, exist_ok=True)
    except BourneError:
        raise
    except Exception as error:
        raise SinkError(f'cannot make the directory {path}: {reason_of(error)}') from error


def rename(source: str, target: str) -> None:
    """Moves a file to another name in the same file system, in place of what is there.

    Atomic for local files; elsewhere as good as the file system's own move.

    Raises:
      SinkError: if it cannot be moved.
    """
    try:
        if is_local(source):
            os.replace(local_path(source), local_path(target))
        else:
            system, name = system_of(source, SinkError)
            system.mv(name, system._strip_protocol(target))
    except BourneError:
        raise
    except Exception as error:
        raise SinkError(f'cannot move {source} to {target}: {reason_of(error)}') from error


def check_writable(directory: str) -> None:
    """Refuses a directory in which no file can be made, as far as that can be told without trying.

    Args:
      directory: a directory that may not exist yet.

    Raises:
      SinkError: if it, or what would have to be its parent, is no directory or may not be written to.
    """
    if not is_local(directory):
        system_of(directory, SinkError)
        return
    path = os.path.abspath(local_path(directory))
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        raise SinkError(f'cannot write to {directory}: {path} is not a directory')
    if not os.access(path, os.W_OK | os.X_OK):
        raise SinkError(f'cannot write to {directory or "."}: no permission to write in {path}')


def delete(path: str) -> None:
    """Removes a file, or a directory with all that is in it; one that is not there is fine.

    Raises:
      SinkError: if it cannot be removed.
    """
    try:
        if not is_local(path):
            system, name = system_of(path, SinkError)
            system.rm(name, recursive=True)
        elif os.path.isdir(local := local_path(path)) and not os.path.islink(local):
            shutil.rmtree(local)
        else:
            os.remove(local)
    except FileNotFoundError:
        return
    except BourneError:
        raise
    except Exception as error:
        raise SinkError(f'cannot remove {path}: {reason_of(error)}') from error


def join(base: str, *names: str) -> str:
    """The path of something below ``base``."""
    return os.path.join(base, *names) if is_local(base) else posixpath.join(base, *names)


def split(path: str) -> tuple[str, str]:
    """The directory of a path (empty for a plain name) and the name in it."""
    if is_local(path):
        return os.path.split(path)
    scheme, separator, name = path.partition('://')
    head, tail = posixpath.split(name)
    return scheme + separator + head, tail


def system_of(path: str, error_class: type[SourceError | SinkError]) -> tuple[Any, str]:
    """The fsspec file system of a URL, and what the file is called in it.

    Args:
      path: the URL.
      error_class: what to raise.

    Raises:
      BourneError: of that class, if there is no such file system or its package is missing.
    """
    import fsspec

    try:
        system, name = fsspec.core.url_to_fs(path)
    except Exception as error:
        raise error_class(f'cannot use {path}: no file system for it: {reason_of(error)}') from error
    return system, cast(str, name)


def reason_of(error: Exception) -> str:
    """What an error says, without the path that the message names anyway."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def digest(text: str) -> str:
    """A short hash of a text, the same in every process."""
    return hashlib.blake2s(text.encode('utf-8', 'surrogatepass'), digest_size=5).hexdigest()
