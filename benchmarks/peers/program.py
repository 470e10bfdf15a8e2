"""What the programs share: the command line, the protocol, the checksum. Imports nothing that a peer might not have.

Usage of each: python -m benchmarks.peers.on_... [FLAG ...] JOB OUTPUT_FOLDER INPUT_FILE ...
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.contender import answer

#: Reads input files, and writes text files into a folder.
Job = Callable[[Sequence[str], str], object]

FLAGS = [argument for argument in sys.argv[1:] if argument.startswith('--')]


def main(jobs: Mapping[str, Job], missing: Mapping[str, str]) -> None:
    """Runs the job of the command line.

    Args:
      jobs: the jobs by name.
      missing: why others cannot be expressed.
    """
    name, folder, *paths = [argument for argument in sys.argv[1:] if not argument.startswith('--')]
    if name in missing:
        answer(lambda: None, lambda _: {'missing': missing[name]})
    else:
        answer(lambda: jobs[name](paths, folder), lambda _: {'result': checksum(Path(folder))})


def checksum(folder: Path) -> str:
    """How many lines the text files of a folder have together, and a number that their order does not change."""
    count = total = 0
    for path in sorted(folder.rglob('[!._]*')):
        if path.is_file():
            for line in path.read_bytes().splitlines():
                count += 1
                total += zlib.crc32(line)
    return f'{count} lines, {total & 0xffffffff:08x}'
