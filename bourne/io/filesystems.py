"""Beam's ``FileSystems``: the functions for files, by the names and with the arguments that Beam has for them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from bourne.errors import TransformError
from bourne.io import files
from bourne.io.compression import CompressionTypes
from bourne.io.matching import EmptyMatchTreatment, FileMetadata, match, nothing_matches

__all__ = ['BeamIOError', 'CompressionTypes', 'EmptyMatchTreatment', 'FileMetadata', 'FileSystems', 'MatchResult']

#: The error of Beam's file systems; ``except BeamIOError`` of a migrated program catches ours.
BeamIOError = OSError


class MatchResult(NamedTuple):
    """The files that one pattern matched."""

    pattern: str
    metadata_list: list[FileMetadata]


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
        return files.open_file(path, 'rb', compression_type)

    @staticmethod
    def create(
        path: str, mime_type: str = 'application/octet-stream', compression_type: str = CompressionTypes.AUTO,
    ) -> BinaryIO:
        """Opens a file for writing and makes the directories above it. ``mime_type`` has no meaning here."""
        files.mkdirs(files.split(path)[0])
        return files.open_file(path, 'wb', compression_type)

    @staticmethod
    def rename(source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        """Moves each file to the name at the same place of the other list."""
        if len(source_file_names) != len(destination_file_names):
            raise TransformError(
                f'rename takes as many destinations as sources; got {len(source_file_names)} sources '
                f'and {len(destination_file_names)} destinations')
        for source, target in zip(source_file_names, destination_file_names):
            files.rename(source, target)

    @staticmethod
    def copy(source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        """Copies each file to the name at the same place of the other list."""
        for source, target in zip(source_file_names, destination_file_names):
            raw = CompressionTypes.UNCOMPRESSED
            with files.open_file(source, 'rb', raw) as reader, files.open_file(target, 'wb', raw) as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)

    @staticmethod
    def delete(paths: Sequence[str]) -> None:
        """Removes files, and directories with all that is in them."""
        if isinstance(paths, str):
            raise TransformError(f'delete takes a list of paths; got the string {paths!r}')
        for path in paths:
            files.delete(path)

    @staticmethod
    def last_updated(path: str) -> float:
        """When a file was last changed, in seconds since the epoch."""
        found = match(path)
        if not found:
            raise nothing_matches(path)
        return found[0].last_updated_in_seconds

    get_scheme = staticmethod(files.scheme_of)
    exists = staticmethod(files.exists)
    mkdirs = staticmethod(files.mkdirs)
    join = staticmethod(files.join)
    split = staticmethod(files.split)
