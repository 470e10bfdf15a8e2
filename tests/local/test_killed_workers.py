"""Workers that are killed at any point change nothing: results are exactly right, and written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bourne.io.textio import ReadFromText, WriteToText
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.sideinput import AsSingleton
from tests.killing import POINTS, KillingRunner
from tests.leaks import held

SEEDS = range(8)


def run(folder: Path, seed: int) -> set[str]:
    """Runs every kind of stage, checks all that is made and that nothing else is left. Returns who was killed."""
    for name in ('scratch', 'out', 'killed'):
        (folder / name).mkdir(parents=True)
    data = folder / 'data'
    data.write_text(''.join(f'{number}\n' for number in range(3_000)))
    before = held()
    flags = ['--workers=2', '--bundle_size=500', f'--temp_dir={folder / "scratch"}']
    with TestPipeline(KillingRunner(seed, folder / 'killed'), PipelineOptions(flags)) as p:
        numbers = p | ReadFromText(str(data)) | 'int' >> Map(int)
        pairs = numbers | 'key' >> Map(lambda x: (x % 7, x))
        total = numbers | CombineGlobally(sum)
        groups = pairs | GroupByKey() | 'count' >> Map(lambda pair, total: (pair[0], len(pair[1]), total),
                                                       AsSingleton(total))
        assert_that(groups, equal_to([(key, len(range(key, 3_000, 7)), sum(range(3_000))) for key in range(7)]))
        numbers | Reshuffle() | 'str' >> Map(str) | WriteToText(str(folder / 'out' / 'part'))
        assert_that(pairs | CombinePerKey(sum), equal_to([(key, sum(range(key, 3_000, 7))) for key in range(7)]),
                    'sums')
    written = [int(line) for path in (folder / 'out').iterdir() for line in path.read_text().split()]
    assert sorted(written) == list(range(3_000))
    assert all(path.name.startswith('part-') for path in (folder / 'out').iterdir())
    assert list((folder / 'scratch').iterdir()) == []
    assert before.leaked() == []
    return {path.name for path in (folder / 'killed').iterdir()}


@pytest.mark.parametrize('seed', SEEDS)
def test_results_are_exactly_right(seed: int, tmp_path: Path) -> None:
    assert run(tmp_path, seed), 'nobody was killed'


def test_workers_are_killed_at_every_point_and_a_seed_says_where(tmp_path: Path) -> None:
    once, again, *others = (run(tmp_path / str(number), seed) for number, seed in enumerate((1, 1, 2, 3)))

    def in_tasks(killed: set[str]) -> set[str]:
        return {one for one in killed if not one.startswith('teardown')}  # which workers have what to tear down varies

    assert in_tasks(once) == in_tasks(again)
    assert {one.partition(',')[0] for one in once.union(*others)} == {*POINTS[1:], 'teardown'}
