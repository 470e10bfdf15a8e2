"""Files by path or URL: find, open, move and remove them.

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
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Literal, NamedTuple, cast

import attrs

from bourne.errors import BourneError, SinkError, SourceError, TransformError
from bourne.io import compression, globs
from bourne.io.compression import CompressionTypes
from bourne.sdk.model.portable import portable

__all__ = [
    'BeamIOError', 'CompressionTypes', 'EmptyMatchTreatment', 'FileMetadata', 'FileSystems', 'MatchResult',
    'delete', 'exists', 'is_local', 'join', 'local_path', 'match', 'mkdirs', 'open_file', 'rename', 'split',
]

#: The error of Beam's file systems; ``except BeamIOError`` of a migrated program catches ours.
BeamIOError = OSError

_SCHEME = re.compile(r'[a-zA-Z][-a-zA-Z0-9+.]*(?=://|::.*://)')


@portable
@attrs.frozen
class FileMetadata:
    """One file that a pattern matched.

    Attributes:
      path: its path or URL.
      size_in_bytes: its size; 0 if the file system does not tell.
      last_updated_in_seconds: when it was last changed, in seconds since the epoch; 0.0 if not known.
    """

    path: str
    size_in_bytes: int
    last_updated_in_seconds: float = 0.0


class MatchResult(NamedTuple):
    """The files that one pattern matched."""

    pattern: str
    metadata_list: list[FileMetadata]


class EmptyMatchTreatment:
    """What a pattern that matches nothing means: an empty result, or an error."""

    ALLOW = 'ALLOW'
    DISALLOW = 'DISALLOW'
    ALLOW_IF_WILDCARD = 'ALLOW_IF_WILDCARD'

    @staticmethod
    def allow_empty_match(pattern: str, setting: str) -> bool:
        """True if ``pattern`` may match nothing.

        Raises:
          TransformError: if ``setting`` is not one of the three.
        """
        if setting == EmptyMatchTreatment.ALLOW_IF_WILDCARD:
            return globs.has_wildcard(pattern)
        if setting in (EmptyMatchTreatment.ALLOW, EmptyMatchTreatment.DISALLOW):
            return setting == EmptyMatchTreatment.ALLOW
        raise TransformError(
            f'empty_match_treatment must be ALLOW, DISALLOW or ALLOW_IF_WILDCARD; got {setting!r}')


def is_local(path: str) -> bool:
    """True for a plain path and for a ``file://`` URL."""
    scheme = _SCHEME.match(path)
    return scheme is None or (scheme[0] in ('file', 'local') and '::' not in path)


def local_path(path: str) -> str:
    """The plain path of what :func:`is_local` says is local."""
    return path.partition('://')[2] if _SCHEME.match(path) else path


def match(pattern: str) -> list[FileMetadata]:
    """The files that match a pattern (see :mod:`bourne.io.globs`), ordered by path. Directories are no files.

    A pattern that ends with ``/`` stands for all files of the directory. The name of an existing file
    matches that file, whatever characters it has.

    Args:
      pattern: a path or URL, perhaps with wildcards.

    Raises:
      SourceError: if the file system cannot be asked.
    """
    pattern += '*' if pattern.endswith('/') else ''
    found = _match_local(local_path(pattern)) if is_local(pattern) else _match_url(pattern)
    return sorted(found, key=lambda metadata: metadata.path)


def _match_local(pattern: str) -> Iterable[FileMetadata]:
    if not globs.has_wildcard(pattern) or os.path.isfile(pattern):
        try:
            status = os.stat(pattern)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SourceError(f'cannot look at {pattern}: {error.strerror or error}') from error
        return [] if os.path.isdir(pattern) else [FileMetadata(pattern, status.st_size, status.st_mtime)]
    found = globs.local_files(pattern)
    return (FileMetadata(path, status.st_size, status.st_mtime) for path, status in found)


def _match_url(pattern: str) -> Iterable[FileMetadata]:
    system, path = _system(pattern, SourceError)
    try:
        infos = _find_url(system, path)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise SourceError(f'cannot list {pattern}: {_reason(error)}') from error
    outer = ''.join(pattern.partition('::')[1:])
    scheme = pattern.partition('://')[0]
    return (_metadata(info, scheme, outer) for info in infos)


def _find_url(system: Any, path: str) -> list[dict[str, Any]]:
    # Listings are cached by some file systems; files written since must be seen.
    system.invalidate_cache()
    if not globs.has_wildcard(path) or system.isfile(path):
        info = system.info(path)
        return [info] if info['type'] != 'directory' else []
    directory = globs.fixed_directory(path)
    depth = None if '**' in path else path.count('/', len(directory)) + 1
    found = system.find(directory, maxdepth=depth, detail=True)
    # Stores differ in whether their names begin with a slash.
    matches = re.compile(globs.translate(path.lstrip('/'))).fullmatch
    return [info for name, info in found.items()
            if matches(name.lstrip('/')) and f'/{globs.HIDDEN}' not in name]


def _metadata(info: dict[str, Any], scheme: str, outer: str) -> FileMetadata:
    name = str(info['name'])
    path = name if name.startswith(f'{scheme}://') else f'{scheme}://{name.lstrip("/")}'
    return FileMetadata(path + outer, int(info.get('size') or 0), _changed(info))


def _changed(info: dict[str, Any]) -> float:
    for key in ('mtime', 'LastModified', 'last_modified', 'updated', 'created'):
        value = info.get(key)
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
    return 0.0


def nothing_matches(pattern: str) -> SourceError:
    """The error for a pattern without a match."""
    what = 'no file matches' if globs.has_wildcard(pattern) else 'there is no file'
    message = f'{what} {pattern!r}'
    if is_local(pattern):
        path = local_path(pattern)
        if os.path.isdir(path):
            files = os.path.join(pattern, '*')
            return SourceError(f'{pattern!r} is a directory: {files!r} stands for the files in it')
        message += '' if os.path.isabs(path) else f' (the working directory is {os.getcwd()!r})'
    return SourceError(message)


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
            system, name = _system(path, error_class)
            raw = system.open(name, mode)
    except BourneError:
        raise
    except Exception as error:
        verb = 'open' if mode == 'rb' else 'write'
        raise error_class(f'cannot {verb} {path}: {_reason(error)}') from error
    return compression.reading(raw, kind) if mode == 'rb' else compression.writing(raw, kind)


def exists(path: str) -> bool:
    """True if there is a file or directory of that name."""
    if is_local(path):
        return os.path.exists(local_path(path))
    system, name = _system(path, SourceError)
    return bool(system.exists(name))


def size_of(path: str) -> int | None:
    """The size of a file in bytes, or ``None`` if there is no such file."""
    try:
        if is_local(path):
            return os.path.getsize(local_path(path))
        system, name = _system(path, SourceError)
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
            system, name = _system(path, SinkError)
            system.makedirs(name, exist_ok=True)
    except BourneError:
        raise
    except Exception as error:
        raise SinkError(f'cannot make the directory {path}: {_reason(error)}') from error


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
            system, name = _system(source, SinkError)
            system.mv(name, system._strip_protocol(target))
    except BourneError:
        raise
    except Exception as error:
        raise SinkError(f'cannot move {source} to {target}: {_reason(error)}') from error


def check_writable(directory: str) -> None:
    """Refuses a directory in which no file can be made, as far as that can be told without trying.

    Args:
      directory: a directory that may not exist yet.

    Raises:
      SinkError: if it, or what would have to be its parent, is no directory or may not be written to.
    """
    if not is_local(directory):
        _system(directory, SinkError)
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
            system, name = _system(path, SinkError)
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
        raise SinkError(f'cannot remove {path}: {_reason(error)}') from error


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


def _system(path: str, error_class: type[SourceError | SinkError]) -> tuple[Any, str]:
    import fsspec

    try:
        system, name = fsspec.core.url_to_fs(path)
    except Exception as error:
        raise error_class(f'cannot use {path}: no file system for it: {_reason(error)}') from error
    return system, cast(str, name)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def digest(text: str) -> str:
    """A short hash of a text, the same in every process."""
    return hashlib.blake2s(text.encode('utf-8', 'surrogatepass'), digest_size=5).hexdigest()


class FileSystems:
    """Beam's static methods for files, as thin names for this module's functions."""

    @staticmethod
    def match(patterns: Sequence[str], limits: Sequence[int | None] | None = None) -> list[MatchResult]:
        """The files that match each of the patterns, at most as many as its limit."""
        limits = limits or [None] * len(patterns)
        return [MatchResult(pattern, match(pattern)[:limit]) for pattern, limit in zip(patterns, limits)]

    @staticmethod
    def open(
        path: str, mime_type: str = 'application/octet-stream', compression_type: str = CompressionTypes.AUTO,
    ) -> BinaryIO:
        """Opens a file for reading. ``mime_type`` has no meaning here."""
        return open_file(path, 'rb', compression_type)

    @staticmethod
    def create(
        path: str, mime_type: str = 'application/octet-stream', compression_type: str = CompressionTypes.AUTO,
    ) -> BinaryIO:
        """Opens a file for writing and makes the directories above it. ``mime_type`` has no meaning here."""
        mkdirs(split(path)[0])
        return open_file(path, 'wb', compression_type)

    @staticmethod
    def rename(source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        """Moves each file to the name at the same place of the other list."""
        if len(source_file_names) != len(destination_file_names):
            raise TransformError(
                f'rename takes as many destinations as sources; got {len(source_file_names)} sources '
                f'and {len(destination_file_names)} destinations')
        for source, target in zip(source_file_names, destination_file_names):
            rename(source, target)

    @staticmethod
    def copy(source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        """Copies each file to the name at the same place of the other list."""
        for source, target in zip(source_file_names, destination_file_names):
            raw = CompressionTypes.UNCOMPRESSED
            with open_file(source, 'rb', raw) as reader, open_file(target, 'wb', raw) as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)

    @staticmethod
    def delete(paths: Sequence[str]) -> None:
        """Removes files, and directories with all that is in them."""
        if isinstance(paths, str):
            raise TransformError(f'delete takes a list of paths; got the string {paths!r}')
        for path in paths:
            delete(path)

    @staticmethod
    def last_updated(path: str) -> float:
        """When a file was last changed, in seconds since the epoch."""
        found = match(path)
        if not found:
            raise nothing_matches(path)
        return found[0].last_updated_in_seconds

    @staticmethod
    def get_scheme(path: str) -> str | None:
        """The scheme of a URL, ``None`` for a plain path."""
        scheme = _SCHEME.match(path)
        return scheme[0] if scheme else None

    exists = staticmethod(exists)
    mkdirs = staticmethod(mkdirs)
    join = staticmethod(join)
    split = staticmethod(split)
