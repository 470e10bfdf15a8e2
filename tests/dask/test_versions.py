"""What is installed on the cluster is compared with what is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bourne.errors import UnsupportedError
from bourne.runners.dask.versions import check_versions

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
