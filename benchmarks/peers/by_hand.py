"""The jobs as loops in one process."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import median_low

from benchmarks.peers.program import main

Paths = Sequence[str]


def _write(folder: str, lines: Iterable[str]) -> None:
    with open(Path(folder) / 'result', 'w', encoding='utf-8') as file:
        file.writelines(f'{line}\n' for line in lines)


def _rows(path: str) -> Iterator[list[str]]:
    with open(path, encoding='utf-8') as file:
        for line in file:
            yield line.split(',')


def wordcount(paths: Paths, folder: str) -> None:
    """How often each word is there; spaces and ends of lines separate words."""
    with open(paths[0], encoding='utf-8') as file:
        counts = Counter(chain.from_iterable(map(str.split, file)))
    _write(folder, (f'{word} {count}' for word, count in counts.items()))


def chain_of_maps(paths: Paths, folder: str) -> None:
    """The sum of what five functions leave."""
    first, second, third, fourth, fifth = (
        lambda x: x + 1, lambda x: x % 3 != 0, lambda x: x * 2, lambda x: x % 5 != 0, lambda x: x - 7)
    total = 0
    with open(paths[0], encoding='utf-8') as file:
        for line in file:
            x = first(int(line))
            if second(x):
                x = third(x)
                if fourth(x):
                    total += fifth(x)
    _write(folder, [str(total)])


def windows(paths: Paths, folder: str) -> None:
    """User, window and sum of the values."""
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for user, value, second in _rows(paths[0]):
        sums[user, int(second) // 10 * 10] += int(value)
    _write(folder, (f'{user} {start} {total}' for (user, start), total in sums.items()))


def join(paths: Paths, folder: str) -> None:
    """Key, and the sum of the products of all values left with all values right, for keys that are on both sides."""
    left: dict[str, list[int]] = defaultdict(list)
    sums: dict[str, int] = defaultdict(int)
    for key, value in _rows(paths[0]):
        left[key].append(int(value))
    for key, value in _rows(paths[1]):
        number = int(value)
        for other in left.get(key, ()):
            sums[key] += number * other
    _write(folder, (f'{key} {total}' for key, total in sums.items()))


def top(paths: Paths, folder: str) -> None:
    """Key, and its ten largest numbers, largest first."""
    best: dict[str, list[int]] = defaultdict(list)
    for key, value in _rows(paths[0]):
        heap, number = best[key], int(value)
        if len(heap) < 10:
            heapq.heappush(heap, number)
        elif number > heap[0]:
            heapq.heapreplace(heap, number)
    _write(folder, (' '.join([key, *map(str, sorted(heap, reverse=True))]) for key, heap in best.items()))


def skew(paths: Paths, folder: str) -> None:
    """Key, and the median of its numbers; the lower of two."""
    groups: dict[str, list[int]] = defaultdict(list)
    for key, value in _rows(paths[0]):
        groups[key].append(int(value))
    _write(folder, (f'{key} {median_low(values)}' for key, values in groups.items()))


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    main(JOBS, {})
