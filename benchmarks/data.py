"""Seeded inputs, made once and kept: under ``build/benchmarks``, or where ``BENCHMARK_DATA`` says."""

from __future__ import annotations

import atexit
import itertools
import os
import pickle
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

FOLDER = Path(os.environ.get('BENCHMARK_DATA', Path(__file__).resolve().parent.parent / 'build' / 'benchmarks'))
WORDS = 50_000
WORDS_PER_LINE = 11


@contextmanager
def _made(path: Path) -> Iterator[IO[bytes]]:
    """A file to be written that has its name only once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.{os.getpid()}')
    with partial.open('wb') as file:
        yield file
    partial.rename(path)


def kept(name: str, make: Callable[[], Any]) -> Any:
    """What ``make`` returns, from a file if it was made before."""
    path = FOLDER / f'{name}.pickle'
    if not path.exists():
        with _made(path) as file:
            pickle.dump(make(), file, protocol=5)
    with path.open('rb') as file:
        return pickle.load(file)


def text_file(name: str, blocks: Callable[[], Iterator[str]]) -> Path:
    """A text file, made of blocks of text unless it is there."""
    path = FOLDER / name
    if not path.exists():
        with _made(path) as file:
            file.writelines(block.encode() for block in blocks())
    return path


def fresh(name: str) -> Path:
    """An empty folder for the output of a contender; it goes with this process."""
    folder = FOLDER / 'out' / f'{name}-{os.getpid()}'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def words_file(megabytes: float) -> Path:
    """A text of so many megabytes: words drawn from 50,000 by Zipf's law (exponent 1), eleven to a line."""
    return text_file(f'words-{megabytes:g}.txt', lambda: _words(int(megabytes * 1_000_000)))


def _words(size: int) -> Iterator[str]:
    rng = random.Random(7)
    letters = 'abcdefghijklmnopqrstuvwxyz'
    vocabulary = [''.join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(WORDS)]
    weights = zipf(WORDS, 1)
    block = WORDS_PER_LINE * min(10_000, 1 + size // 1000)
    written = 0
    while written < size:
        chosen = rng.choices(vocabulary, cum_weights=weights, k=block)
        text = '\n'.join(' '.join(chosen[i:i + WORDS_PER_LINE]) for i in range(0, block, WORDS_PER_LINE)) + '\n'
        written += len(text)
        yield text


def zipf(count: int, exponent: float) -> list[float]:
    """Cumulated weights of ``count`` ranks by Zipf's law, as ``random.choices`` takes them."""
    return list(itertools.accumulate(rank ** -exponent for rank in range(1, count + 1)))


def keyed_events(count: int, keys: int = 10_000) -> tuple[list[tuple[str, int]], list[int]]:
    """Pairs ``(key, number)`` and their event times in whole seconds, nearly in order."""
    rng = random.Random(11)
    names = [f'user{number}' for number in range(keys)]
    pairs = [(names[int(rng.random() * keys)], number % 100) for number in range(count)]
    times = [number // 10_000 + int(rng.random() * 5) for number in range(count)]
    return pairs, times


def rows(count: int, keys: int, seed: int) -> list[tuple[int, int]]:
    """Pairs of a key below ``keys`` and a number."""
    rng = random.Random(seed)
    return [(int(rng.random() * keys), number) for number in range(count)]


def skewed_rows(count: int, keys: int, exponent: float = 1.2) -> list[tuple[int, int]]:
    """Pairs of a key below ``keys``, drawn by Zipf's law, and a number."""
    chosen = random.Random(13).choices(range(keys), cum_weights=zipf(keys, exponent), k=count)
    return list(zip(chosen, range(count)))


class Payloads:
    """Texts of one length, all different in memory, that compress to about half. Making one costs next to nothing.

    Args:
      length: characters of each.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._text = random.Random(17).randbytes(1 << 19).hex()
        self._places = len(self._text) - length

    def __call__(self, number: int) -> str:
        start = number * 7919 % self._places
        return self._text[start:start + self._length]
