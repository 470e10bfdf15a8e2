"""Seeded inputs, made once and kept under ``build/benchmarks``."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / 'build' / 'benchmarks'
WORDS = 50_000
WORDS_PER_LINE = 11


def words_file(megabytes: int) -> Path:
    """A text of so many megabytes: words drawn from 50,000 by Zipf's law (exponent 1), eleven to a line."""
    path = FOLDER / f'words-{megabytes}.txt'
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    letters = 'abcdefghijklmnopqrstuvwxyz'
    vocabulary = [''.join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(WORDS)]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, WORDS + 1)))
    partial = path.with_suffix('.part')
    with partial.open('w', encoding='utf-8') as file:
        written = 0
        while written < megabytes * 1_000_000:
            chosen = rng.choices(vocabulary, cum_weights=weights, k=WORDS_PER_LINE * 10_000)
            lines = [' '.join(chosen[i:i + WORDS_PER_LINE]) for i in range(0, len(chosen), WORDS_PER_LINE)]
            written += file.write('\n'.join(lines) + '\n')
    partial.rename(path)
    return path


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
