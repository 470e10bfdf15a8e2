"""However a run ends, on any executor: its processes, threads, descriptors and files are gone, but for the output."""

from __future__ import annotations

import gzip
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bourne.errors import BourneError, ExecutionError
from bourne.io.textio import ReadFromText, WriteToText
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.sideinput import AsDict
from tests.leaks import held

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='descriptors are listed as Linux does')

EXECUTORS = {
    'inline': (),
    'spilling': ('--memory_budget=2000',),
    'fork': ('--workers=2', '--bundle_size=50'),
    'fork, spilling': ('--workers=2', '--memory_budget=2000'),
    'spawn': ('--workers=2', '--start_method=spawn'),
    'stream': ('--streaming',),
    'stream, fork': ('--streaming', '--workers=2'),
}


class Odd(Exception):
    """An exception of the user."""


def fail(x: Any) -> Any:
    raise Odd('no')


def die(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_at_once(x: Any) -> Any:
    sys.exit(3)


def interrupt_from(coordinator: int) -> Callable[[Any], Any]:
    """A function that does to the coordinator what Ctrl-C does, and waits for the end."""

    def interrupt(x: Any) -> Any:
        os.kill(coordinator, signal.SIGINT)
        time.sleep(60)

    return interrupt


#: How runs end: what a function does, and what is raised. The functions run in workers, if there are any.
ENDINGS: dict[str, tuple[Any, type[BaseException] | None]] = {
    'success': (lambda x: x, None),
    'failure': (fail, Odd),
    'exit': (exit_at_once, ExecutionError),
    'death': (die, ExecutionError),
    'interrupt': (interrupt_from(os.getpid()), KeyboardInterrupt),
}


def at(number: int, action: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Does something when a certain line comes."""
    return lambda x: action(x) if x == number else x


def after_all(action: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Does something when a certain key comes, in the last stage: all files are open or prepared by then."""
    return lambda pair: action(pair) if pair[0] == 3 else pair


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Directories for input, blocks and output. Nothing may be left but the output, and what was there before."""
    made = {name: tmp_path / name for name in ('data', 'scratch', 'out')}
    for folder in made.values():
        folder.mkdir()
    for part in range(3):
        with gzip.open(made['data'] / f'{part}.gz', 'wt') as file:
            file.writelines(f'{number}\n' for number in range(part, 900, 3))
    before = held()
    yield made
    assert before.leaked() == []
    assert list(made['scratch'].iterdir()) == []


def build(places: dict[str, Path], flags: tuple[str, ...], first: Any, last: Any) -> TestPipeline:
    """Reads, groups, combines, has a side input, and writes."""
    p = TestPipeline(options=PipelineOptions([*flags, f'--temp_dir={places["scratch"]}']))
    numbers = p | ReadFromText(str(places['data'] / '*.gz')) | 'int' >> Map(int) | 'first' >> Map(first)
    sums = numbers | 'key' >> Map(lambda x: (x % 7, x)) | CombinePerKey(sum)
    groups = numbers | 'again' >> Map(lambda x: (x % 5, x)) | GroupByKey() | 'last' >> Map(last)
    lines = groups | 'lines' >> Map(lambda pair, sums: f'{pair[0]} {sum(pair[1])} {sums[pair[0]]}', AsDict(sums))
    lines | WriteToText(str(places['out'] / 'part'))
    numbers | 'str' >> Map(str) | 'all' >> WriteToText(str(places['out'] / 'all'), '.gz')
    return p


@pytest.mark.parametrize('ending', ENDINGS)
@pytest.mark.parametrize('executor', EXECUTORS)
def test_nothing_is_left(executor: str, ending: str, places: dict[str, Path]) -> None:
    action, raises = ENDINGS[ending]
    if ending == 'death' and '--workers=2' not in EXECUTORS[executor]:
        pytest.skip('nobody survives that')
    for first, last in ((at(500, action), after_all(lambda x: x)), (at(500, lambda x: x), after_all(action))):
        p = build(places, EXECUTORS[executor], first, last)
        if raises is None:
            p.run()
            found = b''.join(path.read_bytes() for path in places['out'].glob('part*'))
            assert sorted(found.decode().splitlines()) == sorted(
                f'{key} {sum(range(key, 900, 5))} {sum(range(key, 900, 7))}' for key in range(5))
            continue
        with pytest.raises(raises):
            p.run()
        assert list(places['out'].iterdir()) == []


@pytest.mark.parametrize('executor', EXECUTORS)
def test_nothing_is_left_of_a_run_that_never_began(executor: str, places: dict[str, Path]) -> None:
    p = build(places, EXECUTORS[executor], same, same)
    for path in places['data'].iterdir():
        path.unlink()
    with pytest.raises(BourneError, match='no file matches'):
        p.run()
    assert list(places['out'].iterdir()) == []


def same(x: Any) -> Any:
    return x
