"""What a run costs the cluster, counted: tasks, and what the client asks of the scheduler. They must not creep up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import bourne as beam
from bourne.engine.blocks import Block
from bourne.engine.exchange import Route
from bourne.runners.dask import DaskResult, DaskRunner, shuffle
from bourne.runners.dask import exchanges as kinds
from bourne.runners.dask.outputs import Made, Output, Place
from bourne.sdk.options import PipelineOptions
from tests import clusters

#: What a client does that takes a round trip, or sends a graph.
ASKED = ('get', 'gather', 'run', 'run_on_scheduler', 'submit', 'map', 'scatter')


@contextmanager
def counted(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts what is asked of a client."""
    counts: Counter[str] = Counter()

    def counting(name: str) -> Any:
        method = getattr(client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return method(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ASKED:
            patch.setattr(client, name, counting(name))
        yield counts


def run(build: Any, *flags: str) -> DaskResult:
    pipeline = beam.Pipeline(runner=DaskRunner(client=clusters.client()), options=PipelineOptions(list(flags)))
    build(pipeline)
    result = pipeline.run()
    assert isinstance(result, DaskResult)
    return result


def small(pipeline: beam.Pipeline) -> None:
    pipeline | beam.Create(range(100)) | beam.Map(lambda x: (x % 3, x)) | beam.CombinePerKey(sum)


class Spread(beam.DoFn):
    """Makes elements of one, so that the next stage has something to take."""

    def process(self, number: int) -> Iterator[tuple[int, bytes]]:
        for key in range(64):
            yield key, number.to_bytes(2) * 5_000


def large(pipeline: beam.Pipeline) -> None:
    (pipeline | beam.Create(range(40)) | beam.Reshuffle() | beam.ParDo(Spread()) | beam.GroupByKey()
     | beam.Map(lambda pair: (pair[0], sum(map(len, pair[1])))))


def test_a_small_run_sends_a_graph_a_stage_and_asks_once_for_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    run(small)  # versions are compared once for a set of workers
    with counted(clusters.client(), monkeypatch) as counts:
        result = run(small)
    assert counts['get'] == 2
    assert counts['gather'] <= 2 + 1  # a second one for a task that was slower than the others
    assert counts['run'] == 1  # workers forget the run
    assert counts.keys() <= {'get', 'gather', 'run'}
    assert list(result.tasks.values()) == [2, 1]  # a task and its answer; the task that merges


def test_tasks_that_leave_nothing_behind_are_their_own_answer() -> None:
    result = run(lambda p: p | beam.Create(range(10)) | beam.Map(str))
    assert list(result.tasks.values()) == [1]


@pytest.mark.parametrize(('lines', 'tasks'), [(100, 1), (1500, 2), (10_000, 4)])
def test_a_few_lines_are_read_by_few_tasks(tmp_path: Path, lines: int, tasks: int) -> None:
    path = tmp_path / 'lines'
    path.write_bytes(b'%063d\n' % 0 * lines)
    result = run(lambda p: p | beam.io.ReadFromText(str(path)) | beam.Map(str))
    assert list(result.tasks.values()) == [tasks]


@pytest.mark.parametrize(('flag', 'kind', 'extra'), [
    ('--exchange=tasks', kinds.PICKED, lambda makers, takers: makers * takers),
    ('--exchange=p2p', kinds.P2P, lambda makers, takers: makers + takers + 2)])
def test_an_exchange_takes_as_many_tasks_as_its_kind_says(flag: str, kind: str, extra: Any) -> None:
    result = run(large, flag)
    name, exchange = next((name, one) for name, one in result.exchanges.items() if 'GroupByKey' in name)
    assert exchange.kind == kind
    assert exchange.makers > 1
    assert exchange.takers > 1
    assert result.tasks[name] <= exchange.takers + extra(exchange.makers, exchange.takers)


def test_small_data_moves_without_tasks_of_its_own() -> None:
    result = run(small)
    assert [one.kind for one in result.exchanges.values()] == [kinds.WHOLE]


def test_teardown_costs_one_round_trip_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    run(small)  # versions are compared once for a set of workers
    with counted(clusters.client(), monkeypatch) as counts:
        run(lambda p: p | beam.Create([1]) | beam.ParDo(Spread()))
    assert counts['run'] == 2


def test_small_outputs_of_a_worker_are_sent_together() -> None:
    frame = shuffle.FRAME
    sizes = [('a', frame // 3), ('b', frame), ('a', frame // 3), ('b', 1), ('a', 2 * frame), ('a', 5), ('b', 2)]
    made = [Made(number, worker, size) for number, (worker, size) in enumerate(sizes)]
    assert shuffle.together(made) == [[0, 2], [1], [3, 6], [4], [5]]


def test_who_takes_what_is_sent_once_and_not_for_each_output() -> None:
    places: list[Place] = [('made', Route('key', 1000), number) for number in range(1000)]
    takers = {Made(number, f'worker {number}', shuffle.FRAME): {place: place[2] // 10 for place in places}
              for number in range(100)}
    next(iter(takers.values()))[places[5]] = 7  # as no stage does so far
    graph, _ = shuffle.shuffled('stage', 'token', takers, 100)
    sends = [task for key, task in graph.items() if 'send' in str(key)]
    assert len(sends) == 100
    assert len(cloudpickle.dumps(sends)) < 100_000


def test_a_taker_of_its_own_counts() -> None:
    one, two, none = (('made', Route('key', 3), number) for number in range(3))
    output = Output({place: [Block(b'x', 1, 1)] for place in (one, two, none)})
    frame = shuffle.framed([shuffle.Sent(0, {one: 7})], {one: 1, two: 2}, [output])
    assert list(frame[shuffle.TAKER]) == [7, 2]
