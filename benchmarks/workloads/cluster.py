"""The Dask runner on a warm cluster of two workers with a thread each, beside one process and beside ``dask.bag``."""

from __future__ import annotations

import atexit
import functools
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

import bourne as beam
from benchmarks import data
from benchmarks.numbers import Answer
from benchmarks.sources import Made
from benchmarks.workload import BOURNE, HAND, Goal, Taken, Workload, speedup
from benchmarks.workloads.common import collect
from benchmarks.workloads.core import FIND, count_words, digest, format_count, wordcount, wordcount_by_hand
from bourne.sdk.options import PipelineOptions

DASK = 'bourne on Dask'
BAG = 'dask.bag'
TASKS = 'bourne on Dask, picked tasks'
P2P = 'bourne on Dask, P2P'
#: How many keys the tuples have, and into how many tasks each side of the exchange is cut: two for each thread of a
#: hundred workers with two.
KEYS, CUTS = 100_003, 400
#: About how many bytes a tuple takes in memory.
TUPLE = 120
#: Tasks that have nothing to do.
IDLE = 500
#: What each of the workers of the run past memory has, in MB.
LIMIT = 1000


@functools.cache
def connected(memory: str) -> Any:
    """A client of a cluster whose workers have so much memory each; it has run a small pipeline."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=memory, dashboard_address='127.0.0.1:0',
                           silence_logs=logging.CRITICAL)
    atexit.register(cluster.close)
    client = Client(cluster, set_as_default=False)
    atexit.register(client.close)
    for _ in range(2):
        smallest(client)
    return client


@attrs.frozen
class OnCluster:
    """A contender that runs on a cluster, which is started before anything is measured.

    Attributes:
      run: the contender, a function of the input and of the client.
      memory: the memory limit of each worker.
      small: makes an input with which it runs first, so that workers have imported what it needs.
    """

    run: Callable[[Any, Any], Any]
    memory: str = '8GiB'
    small: Callable[[], Any] | None = None

    def warm(self) -> None:
        """Starts the cluster, and warms it up."""
        client = connected(self.memory)
        if self.small is not None:
            self.run(self.small(), client)

    def __call__(self, given: Any) -> Any:
        return self.run(given, connected(self.memory))


def on_dask(client: Any, **options: Any) -> beam.Pipeline:
    """A pipeline on a cluster."""
    from bourne.runners.dask import DaskRunner

    return beam.Pipeline(runner=DaskRunner(client=client), options=PipelineOptions([], **options))


def smallest(client: Any) -> None:
    """Runs the smallest pipeline with an exchange."""
    with on_dask(client) as p:
        p | beam.Create([('a', 1), ('b', 2)]) | beam.CombinePerKey(sum)


# -- words --


def _wordcount(path: Path, client: Any) -> tuple[int, int]:
    return count_words(on_dask(client), path)


def _few_words() -> Path:
    return data.words_file(1)


def _wordcount_bag(path: Path, client: Any) -> tuple[int, int]:
    import dask.bag as db

    folder = data.fresh('wordcount')
    counts = db.read_text(str(path), blocksize=8_000_000).map(FIND).flatten().frequencies()
    client.gather(client.compute(counts.map(format_count).to_textfiles(f'{folder}/*.txt', compute=False)))
    return digest(folder)


# -- small tuples --


class Cut(Made):
    """Elements that are read in so many tasks.

    Args:
      count: how many elements.
      make: see :class:`~benchmarks.sources.Made`.
      cuts: into how many splits.
      size: how many bytes each of them says that it has.
    """

    def __init__(self, count: int, make: Callable[[int, int], list[Any]], cuts: int, size: int = 64 << 20) -> None:
        super().__init__(count, make)
        self.cuts = cuts
        self.bytes = size

    def splits(self, desired: int = 1) -> list[tuple[int, int]]:
        return super().splits(self.cuts)

    def size(self, split: tuple[int, int]) -> int:
        return self.bytes


def _tuples(start: int, stop: int) -> list[tuple[int, int]]:
    return [(number * 7919 % KEYS, number) for number in range(start, stop)]


def _group(pair: tuple[int, Any]) -> tuple[int, int]:
    return pair[0] % 10, sum(pair[1]) % 1_000_003


def _grouped_by_hand(count: int) -> list[tuple[int, int]]:
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for key, value in _tuples(0, count):
        groups[key].append(value)
    totals: Counter[int] = Counter()
    for key, total in map(_group, groups.items()):
        totals[key] += total
    return sorted(totals.items())


def _grouped(count: int, client: Any, cuts: int, **options: Any) -> list[tuple[int, int]]:
    size = count * TUPLE // cuts
    with on_dask(client, task_size=size, **options) as p:
        totals = (p | beam.io.Read(Cut(count, _tuples, cuts, size)) | beam.GroupByKey() | beam.Map(_group)
                  | beam.CombinePerKey(sum))
        read = collect('grouped', totals)
    return read()


# -- more than memory --


def _blobs(start: int, stop: int) -> list[tuple[int, bytes]]:
    return [(number % 1009, number.to_bytes(8) * 125) for number in range(start, stop)]


def _weight(pair: tuple[int, Any]) -> int:
    return sum(map(len, pair[1]))


def _past_memory_by_hand(count: int) -> list[int]:
    return [sum(len(blob) for start in range(0, count, 10_000)
                for _, blob in _blobs(start, min(start + 10_000, count)))]


def _past_memory(count: int, client: Any) -> list[int]:
    with on_dask(client) as p:
        total = (p | beam.io.Read(Cut(count, _blobs, max(1, count // 50_000))) | beam.GroupByKey() | beam.Map(_weight)
                 | beam.CombineGlobally(sum))
        read = collect('past-memory', total)
    return read()


# -- what it costs --


def _overhead_by_hand(_: Any, client: Any) -> Answer:
    begun = time.perf_counter()
    client.submit(len, 'ab', pure=False).result()
    small = time.perf_counter() - begun
    begun = time.perf_counter()
    client.gather(client.map(_nothing, range(IDLE), pure=False))
    return Answer('done', {'ms, the smallest run': 1e3 * small,
                           'ms a task': 1e3 * (time.perf_counter() - begun) / IDLE})


def _nothing(number: int) -> int:
    return number


def _one(start: int, stop: int) -> list[int]:
    return [start]


def _overhead(_: Any, client: Any) -> Answer:
    small = min(_timed(functools.partial(smallest, client)) for _ in range(10))
    return Answer('done', {'ms, the smallest run': 1e3 * small,
                           'ms a task': 1e3 * _timed(functools.partial(_idle, client)) / IDLE})


def _idle(client: Any) -> None:
    with on_dask(client) as p:
        p | beam.io.Read(Cut(IDLE, _one, IDLE)) | beam.Map(_nothing)


def _timed(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _number(name: str) -> Callable[[Taken], float]:
    return lambda taken: taken[DASK].numbers[name]


def workloads(scale: float) -> Iterator[Workload]:
    """The workloads of this family."""
    megabytes, tuples, cuts = 100 * scale, int(8e6 * scale), max(4, int(CUTS * min(1, scale)))
    section = 'Dask, two workers'
    yield Workload('dask-wordcount', f'wordcount of {megabytes:g} MB of text', section, 'MB', megabytes,
                   lambda: data.words_file(megabytes),
                   {HAND: wordcount_by_hand, BOURNE: wordcount, DASK: OnCluster(_wordcount, small=_few_words),
                    BAG: OnCluster(_wordcount_bag, small=_few_words)},
                   (speedup(DASK, BOURNE, 1.5), speedup(DASK, BAG, 2)))
    yield Workload('dask-shuffle', f'GroupByKey of {tuples / 1e6:g} million tuples, cut into {cuts} tasks',
                   section, 'M', tuples / 1e6, lambda: tuples,
                   {HAND: _grouped_by_hand,
                    P2P: OnCluster(functools.partial(_grouped, cuts=cuts)),
                    TASKS: OnCluster(functools.partial(_grouped, cuts=cuts, exchange='tasks'))},
                   (speedup(P2P, TASKS, 3),), rounds=1)
    blobs = int(6e6 * scale)
    yield Workload('dask-memory', f'GroupByKey of {blobs / 1e3:g} MB by two workers of {LIMIT} MB each', section, 'MB',
                   blobs / 1e3, lambda: blobs,
                   {HAND: _past_memory_by_hand, DASK: OnCluster(_past_memory, f'{LIMIT}MB')}, rounds=1)
    yield Workload('dask-overhead', f'the smallest pipeline, and {IDLE} tasks with nothing to do', section, 'k tasks',
                   IDLE / 1e3, lambda: None,
                   {HAND: OnCluster(_overhead_by_hand), DASK: OnCluster(_overhead)},
                   (Goal('the smallest pipeline', _number('ms, the smallest run'), 150, 'ms'),
                    Goal('a task beyond its work', _number('ms a task'), 3, 'ms')))
