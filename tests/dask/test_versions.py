"""What is installed on the cluster is compared with what is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bourne.errors import OptionsError, UnsupportedError
from bourne.runners.dask import exchanges, shuffle
from bourne.runners.dask.batch import DaskResult
from bourne.runners.dask.versions import check_versions, lacking
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map
from tests.clusters import shared_runner

Look = Callable[[], dict[str, str | None]]


class Other:
    """A client of a cluster with other versions.

    Args:
      scheduler: what is other on the scheduler.
      worker: and on the worker.
    """

    def __init__(self, scheduler: dict[str, str | None], worker: dict[str, str | None]) -> None:
        self._scheduler, self._worker = scheduler, worker

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {'workers': {'tcp://worker:1': {}}}

    def run(self, look: Look, on_error: str) -> dict[str, Any]:
        return {'tcp://worker:1': look() | self._worker}

    def run_on_scheduler(self, look: Look) -> dict[str, str | None]:
        return look() | self._scheduler


def test_all_differences_are_one_message() -> None:
    check_versions(Other({}, {}))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError) as caught:
        check_versions(Other({'bourne': None}, {'python': '3.7', 'attrs': '1.0'}), ['attrs'])  # type: ignore[arg-type]
    told = str(caught.value).splitlines()
    assert told[0] == 'the Dask cluster has other versions than this process:'
    assert [line.partition(', here is ')[0] for line in told[1:]] == [
        '  - scheduler has no bourne', '  - worker tcp://worker:1 has attrs 1.0',
        '  - worker tcp://worker:1 has python 3.7']


def test_who_lacks_a_package_is_said_in_few_words() -> None:
    assert lacking(Other({}, {}), ['attrs']) == []  # type: ignore[arg-type]
    assert lacking(Other({}, {'attrs': None}), ['attrs']) == [  # type: ignore[arg-type]
        'attrs is not installed on the worker tcp://worker:1']
    many = Other({'attrs': None}, {})
    many.run = lambda look, on_error: {f'tcp://worker:{number}': {} for number in range(9)}  # type: ignore
    assert '; '.join(lacking(many, ['attrs'])) == (  # type: ignore[arg-type]
        'attrs is not installed on the scheduler, on the worker tcp://worker:0, on the worker tcp://worker:1 and in 7 '
        'more places')


@pytest.fixture
def incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that lacks something for the P2P shuffle, which all data is large enough for."""
    monkeypatch.setattr(shuffle, 'NEEDS', ('pandas', 'never-installed'))
    monkeypatch.setattr('bourne.runners.dask.executor.NEEDS', shuffle.NEEDS)
    monkeypatch.setattr(exchanges, 'WHOLE_MOST', 0)
    monkeypatch.setattr(exchanges, 'PICKED_MOST', 0)


def test_without_its_packages_there_is_no_p2p_shuffle(incomplete: None) -> None:
    with TestPipeline(shared_runner()) as p:
        assert_that(p | Create(range(10)) | Map(lambda x: (x % 2, x)) | 'group' >> GroupByKey() | Map(
            lambda pair: sum(pair[1])), equal_to([20, 25]))
    assert isinstance(p.result, DaskResult)
    exchange = next(one for name, one in p.result.exchanges.items() if name.startswith('group'))
    assert exchange.kind == exchanges.PICKED
    assert exchange.why.startswith('never-installed is not installed here, on the scheduler, on the worker tcp://')
    assert 'which the P2P shuffle needs; there would be ' in exchange.why


def test_without_its_packages_the_p2p_shuffle_is_refused(incomplete: None) -> None:
    p = TestPipeline(shared_runner(), PipelineOptions(['--exchange=p2p']))
    p | Create([1])
    with pytest.raises(OptionsError, match=r'--exchange=p2p needs pandas and never-installed everywhere, and '
                                           r'never-installed is not installed here, on the scheduler'):
        p.run()
