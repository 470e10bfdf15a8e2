"""Two worker processes, beside one process and beside ``multiprocessing.Pool(2)``."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import bourne as beam
from benchmarks import data
from benchmarks.sources import Made
from benchmarks.workload import BOURNE, HAND, Workload, speedup
from benchmarks.workloads.common import collect, pipeline
from benchmarks.workloads.core import FIND, digest, wordcount, wordcount_by_hand

POOL = 'by hand, Pool(2)'
WORKERS = 'bourne, 2 workers'
#: Rounds of a hash that take about a millisecond.
ROUNDS = 3300


def _count_part(part: tuple[Path, int, int]) -> Counter[str]:
    """The words of the lines that begin in a range of bytes."""
    path, start, stop = part
    counts: Counter[str] = Counter()
    with path.open('rb') as file:
        if start:
            file.seek(start - 1)
            file.readline()
        size = stop - file.tell()
        text = file.read(max(size, 0)) + (file.readline() if size > 0 else b'')
    counts.update(chain.from_iterable(map(FIND, text.decode().splitlines())))
    return counts


def _parts(path: Path, count: int) -> list[tuple[Path, int, int]]:
    size = os.path.getsize(path)
    return [(path, size * number // count, size * (number + 1) // count) for number in range(count)]


def _wordcount_pool(path: Path) -> tuple[int, int]:
    folder = data.fresh('wordcount')
    counts: Counter[str] = Counter()
    with multiprocessing.get_context('fork').Pool(2) as pool:
        for part in pool.imap_unordered(_count_part, _parts(path, 8)):
            counts.update(part)
        pool.close()
        pool.join()
    with (folder / 'counts').open('w', encoding='utf-8') as out:
        out.writelines(f'{word} {count}\n' for word, count in counts.items())
    return digest(folder)


def _work(number: int) -> int:
    """About a millisecond of work."""
    return hashlib.pbkdf2_hmac('sha256', number.to_bytes(8), b'salt', ROUNDS)[0]


def _numbers(start: int, stop: int) -> list[int]:
    return list(range(start, stop))


def _work_by_hand(count: int) -> int:
    return sum(map(_work, range(count)))


def _work_pool(count: int) -> int:
    with multiprocessing.get_context('fork').Pool(2) as pool:
        total = sum(pool.imap_unordered(_work, range(count), chunksize=100))
        pool.close()
        pool.join()
    return total


def _work_pipeline(count: int, workers: int = 1) -> int:
    with pipeline(workers=workers) as p:
        total = p | beam.io.Read(Made(count, _numbers)) | beam.Map(_work) | beam.CombineGlobally(sum)
        read = collect('work', total)
    return int(read()[0])


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    megabytes, calls = 100 * scale, int(1e4 * scale)
    section = 'Two worker processes'
    yield Workload('wordcount-2', f'wordcount of {megabytes:g} MB of text', section, 'MB', megabytes,
                   lambda: data.words_file(megabytes),
                   {HAND: wordcount_by_hand, POOL: _wordcount_pool, BOURNE: wordcount,
                    WORKERS: lambda path: wordcount(path, workers=2)},
                   (speedup(WORKERS, BOURNE, 1.7), speedup(WORKERS, POOL, 0.9)))
    yield Workload('work-2', 'a Map that takes 1 ms a call, 10,000 calls', section, 'k calls', calls / 1e3,
                   lambda: calls,
                   {HAND: _work_by_hand, POOL: _work_pool, BOURNE: _work_pipeline,
                    WORKERS: lambda count: _work_pipeline(count, workers=2)},
                   (speedup(WORKERS, BOURNE, 1.9),), rounds=2)
