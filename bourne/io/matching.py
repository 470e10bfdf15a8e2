"""Which files a pattern matches, and what is known of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from bourne.errors import SourceError, TransformError
from bourne.io import globs
from bourne.io.files import is_local, local_path, reason_of, system_of
from bourne.sdk.model.portable import portable


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
    system, path = system_of(pattern, SourceError)
    try:
        infos = _find_url(system, path)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise SourceError(f'cannot list {pattern}: {reason_of(error)}') from error
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
    matches = globs.matcher(path.lstrip('/'))
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
