"""How the files of a source are shared out among readers: large ones are cut, small ones are put together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from bourne.io import compression
from bourne.io.compression import CompressionTypes
from bourne.io.matching import FileMetadata

#: No split is larger than this, in bytes, unless it is a file that cannot be cut.
LARGEST = 64 << 20
#: No file is cut finer than this, in bytes. How long its records take is not known: they may be names of what is slow.
SMALLEST = 1 << 10
#: Opening a file counts as so many bytes, so that a split does not get a hundred thousand tiny files.
OPEN_COST = 64 << 10


class FileRange(NamedTuple):
    """A part of a file: the records that start in ``[start, stop)``, in bytes of its decompressed content.

    ``stop`` is ``None`` for "to the end". ``size`` says how many bytes that is in the file as it is stored.
    """

    path: str
    start: int
    stop: int | None
    size: int


#: What one reader reads, in this order.
FileSplit = tuple[FileRange, ...]


def plan_splits(
    files: Iterable[FileMetadata],
    desired: int,
    compression_type: str = CompressionTypes.AUTO,
    splittable: bool = True,
    min_size: int = 0,
) -> list[FileSplit]:
    """Shares out files, in their order: the concatenation of all splits is the concatenation of all files.

    The target is the smaller of an equal share for each of ``desired`` splits and :data:`LARGEST`, but not
    less than :data:`SMALLEST` and ``min_size``. Files above it are cut into equal parts. Consecutive parts are
    put together up to a share of what all weigh, where opening a file counts as :data:`OPEN_COST` (Spark's
    ``openCostInBytes``).

    Args:
      files: the files.
      desired: about how many splits are wanted.
      compression_type: how the files are compressed; compressed files cannot be cut.
      splittable: False if no file may be cut.
      min_size: the least size of a part, in bytes.
    """
    files = list(files)
    target = max(_share(sum(file.size_in_bytes for file in files), desired), SMALLEST, min_size)
    ranges = [part for file in files for part in cut(file, target, compression_type, splittable)]
    return _pack(ranges, max(_share(sum(map(_weight, ranges)), desired), target))


def _share(total: int, desired: int) -> int:
    return min(-(-total // max(desired, 1)), LARGEST)


def _weight(part: FileRange) -> int:
    return part.size + OPEN_COST


def cut(
    file: FileMetadata, target: int, compression_type: str = CompressionTypes.AUTO, splittable: bool = True,
) -> list[FileRange]:
    """Cuts one file into equal parts of at most ``target`` bytes, if it can be cut.

    Args:
      file: the file. One of size 0 may be of unknown size, and is read to its end.
      target: the size of the largest part, in bytes.
      compression_type: how the file is compressed; compressed files cannot be cut.
      splittable: False if it must not be cut.
    """
    path, size = file.path, file.size_in_bytes
    plain = compression.resolve(path, compression_type) == CompressionTypes.UNCOMPRESSED
    if not size or not splittable or not plain:
        return [FileRange(path, 0, None, size)]
    parts = max(1, -(-size // target))
    bounds = [size * part // parts for part in range(parts + 1)]
    return [FileRange(path, start, stop, stop - start) for start, stop in pairwise(bounds)]


def _pack(ranges: Iterable[FileRange], target: int) -> list[FileSplit]:
    splits: list[FileSplit] = []
    group: list[FileRange] = []
    weight = 0
    for part in ranges:
        if group and weight + part.size > target:
            splits.append(tuple(group))
            group, weight = [], 0
        group.append(part)
        weight += _weight(part)
    if group:
        splits.append(tuple(group))
    return splits
