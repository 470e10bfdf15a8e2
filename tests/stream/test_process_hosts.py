"""Streams in worker processes: what travels, what fails, and that nothing is left."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bourne.errors import ExecutionError
from bourne.io.textio import WriteToText
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map, ParDo
from tests.leaks import held

FLAGS = ['--streaming', '--workers=2', '--bundle_size=7']


@pytest.fixture(params=['fork', 'spawn'])
def stream(request: pytest.FixtureRequest) -> Any:
    """Makes pipelines, and checks in the end that nothing of them is left."""
    before = held()
    yield lambda: TestPipeline(argv=[*FLAGS, f'--start_method={request.param}'])
    assert before.leaked() == []


def test_keys_meet_and_all_of_it_comes_once(stream: Any, tmp_path: Path) -> None:
    with stream() as p:
        numbers = p | Create(range(1_000)) | Reshuffle()
        assert_that(numbers | 'key' >> Map(lambda x: (x % 5, x)) | CombinePerKey(sum),
                    equal_to([(key, sum(range(key, 1_000, 5))) for key in range(5)]))
        numbers | 'str' >> Map(str) | WriteToText(str(tmp_path / 'out'), num_shards=3)
    assert sorted(int(line) for path in tmp_path.iterdir() for line in path.read_text().split()) == list(range(1_000))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f'out-0000{number}-of-00003' for number in range(3)]


def test_more_than_a_pipe_holds_goes_both_ways(stream: Any) -> None:
    with stream() as p:
        made = (p | Create([(number, b'x' * 1_000_000) for number in range(12)]) | Reshuffle()
                | Map(lambda pair: (pair[0] % 4, pair[1])) | GroupByKey())
        assert_that(made | 'size' >> Map(lambda pair: (pair[0], sum(map(len, pair[1])))),
                    equal_to([(key, 3_000_000) for key in range(4)]))


def test_a_host_that_dies_ends_the_stream(stream: Any, tmp_path: Path) -> None:
    def die(element: int) -> int:
        if element == 500:
            os.kill(os.getpid(), signal.SIGKILL)
        return element

    p = stream()
    p | Create(range(1_000)) | Map(die) | 'str' >> Map(str) | WriteToText(str(tmp_path / 'out'))
    with pytest.raises(ExecutionError, match=r'the worker process of partition \d of 2 was killed by SIGKILL .*Its '
                                             r'state is gone, and a stream cannot go on without it'):
        p.run()
    assert list(tmp_path.iterdir()) == []


def test_an_exception_comes_with_its_note_and_traceback(stream: Any) -> None:
    def fail(element: int) -> float:
        return 1 / (element - 500)

    p = stream()
    p | Create(range(1_000)) | 'divide' >> Map(fail)
    with pytest.raises(ZeroDivisionError) as caught:
        p.run()
    assert "in Map 'divide'" in caught.value.__notes__[0]
    assert 'element: 500' in caught.value.__notes__[0]
    assert any(entry.name == 'fail' for entry in caught.traceback)


def test_what_cannot_travel_is_named(stream: Any) -> None:
    p = stream()
    p | Create([1]) | 'lock' >> Map(lambda x: (x, threading.Lock())) | GroupByKey()
    p | 'more' >> Create(range(20)) | 'locks' >> Map(lambda x: (x, threading.Lock())) | 'group' >> GroupByKey()
    with pytest.raises(ExecutionError, match=r'the element \(\d+, <unlocked .*cannot be pickled') as caught:
        p.run()
    assert "in Map 'lock" in caught.value.__notes__[0]


class Torn(DoFn):
    """Fails when it is torn down."""

    def process(self, element: Any) -> list[Any]:
        return [element]

    def teardown(self) -> None:
        raise OSError('the connection is gone')


def test_a_teardown_that_fails_fails_the_stream(stream: Any) -> None:
    p = stream()
    p | Create([1]) | ParDo(Torn())
    with pytest.raises(OSError, match='the connection is gone'):
        p.run()


class Kept(DoFn):
    """Leaves a file while it is set up, and does something to one element."""

    def __init__(self, directory: Path, act: Callable[[], Any]) -> None:
        self.directory = directory
        self.act = act

    def setup(self) -> None:
        self.file = self.directory / f'{os.getpid()}'
        self.file.touch()

    def process(self, element: int) -> Iterator[tuple[int, int]]:
        if element == 500:
            self.act()
        yield element, 1

    def teardown(self) -> None:
        self.file.unlink()


def lose_connection() -> None:
    raise ConnectionResetError('by the database')


def end_input() -> None:
    raise EOFError('of a file of the user')


def interrupted(coordinator: int) -> Callable[[], None]:
    return lambda: os.kill(coordinator, signal.SIGINT)


@pytest.mark.parametrize(('act', 'error', 'message'), [
    (lose_connection, ConnectionResetError, 'by the database'),
    (end_input, EOFError, 'of a file of the user'),
    (interrupted(os.getpid()), KeyboardInterrupt, '^$'),
], ids=['ConnectionResetError', 'EOFError', 'interrupt'])
def test_all_hosts_tear_down_when_the_stream_fails(stream: Any, tmp_path: Path, act: Any, error: Any,
                                                    message: str) -> None:
    """The other host waits for what the failed one would have sent, and an epoch is under way."""
    p = stream()
    p | Create(range(1_000)) | Reshuffle() | ParDo(Kept(tmp_path, act)) | GroupByKey() | Map(len)
    with pytest.raises(error, match=message):
        p.run()
    assert list(tmp_path.iterdir()) == []


def test_the_other_hosts_tear_down_when_one_dies(stream: Any, tmp_path: Path) -> None:
    p = stream()
    p | Create(range(1_000)) | Reshuffle() | ParDo(Kept(tmp_path, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    with pytest.raises(ExecutionError, match=r'was killed by SIGKILL'):
        p.run()
    assert len(list(tmp_path.iterdir())) == 1
