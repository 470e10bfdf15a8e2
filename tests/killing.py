"""Worker processes that are killed, at points that a seed chooses.

A task may lose its worker before it does anything, after a bundle, when everything of it is prepared, or right after
its answer (then the next task of that worker is the one that runs again). A worker may be lost in a teardown, too.
Which tasks lose their worker, and where, depends on nothing but the seed, the case and the task: a seed replays it.
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import attrs

from bourne.engine.task import StageInstance, Task
from bourne.runners.local import LocalRunner, worker
from bourne.sdk.graph.graph import Graph
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineResult

#: Where a task may lose its worker; ``''`` is nowhere.
POINTS = ('', 'before', 'bundle 1', 'bundle 2', 'prepared', 'answered')


@attrs.frozen
class Killing:
    """Says which tasks lose their worker, and where. Each loses one at most.

    Attributes:
      seed: chooses.
      marks: an empty directory, which gets a file for each killing.
      case: what runs.
    """

    seed: int
    marks: Path
    case: str

    def point(self, stage: str, task: int) -> str:
        """Where a task is to lose its worker."""
        # The last point is the end of another task, which may happen to one only once: it has three tries.
        points = POINTS if task == 0 else POINTS[:-1]
        return self._random(stage, task).choice(points)

    def in_teardown(self, stage: str) -> bool:
        """Whether workers are lost in the teardown of a stage."""
        return self._random(stage, 'teardown').random() < 0.3

    def _random(self, *where: Any) -> random.Random:
        return random.Random(f'{self.seed}/{self.case}/{where}')

    def kill(self, point: str, stage: str, task: int) -> None:
        """Ends this process as the system does when memory is short; for each task once."""
        with suppress(FileExistsError):
            (self.marks / f'{point}, task {task} of {stage}'.replace('/', '|')).touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)

    def killed(self) -> set[str]:
        """The killings: ``point, task number of stage``."""
        return {path.name for path in self.marks.iterdir()}


def _killing(killing: Killing) -> dict[str, Any]:
    """Replacements for functions of the module that worker processes run."""
    perform, close, send = worker._perform, worker._close, worker._send
    answered: list[tuple[str, int]] = []

    def deadly_perform(instance: StageInstance, task: Task, store: Any, reporter: Any) -> Any:
        stage = instance._stage.name
        point = killing.point(stage, task.number)
        bundles = 0

        def reached(where: str) -> None:
            if where == point:
                killing.kill(point, stage, task.number)

        def report(elements: int, share: float | None) -> None:
            nonlocal bundles
            bundles += 1
            reached(f'bundle {bundles}')
            reporter(elements, share)

        report.flush = reporter.flush  # type: ignore[attr-defined]
        reached('before')
        answer = perform(instance, task, store, report)  # type: ignore[arg-type]
        reached('prepared')
        answered[:] = [(stage, task.number)] if point == 'answered' else []
        return answer

    def deadly_send(pipe: Any, message: Any) -> None:
        send(pipe, message)
        if answered and message[0] == 'done':
            killing.kill('answered', *answered[0])

    def deadly_close(instance: StageInstance) -> Any:
        if killing.in_teardown(instance._stage.name):
            killing.kill('teardown', instance._stage.name, os.getpid())
        return close(instance)

    return {'_perform': deadly_perform, '_send': deadly_send, '_close': deadly_close}


@attrs.frozen
class KillingRunner(LocalRunner):
    """The local runner, whose workers are killed. They are forks, so that they have what is replaced here.

    Attributes:
      seed: chooses where.
      marks: see :class:`Killing`; by default a directory for each run.
    """

    seed: int = int(os.environ.get('KILLING_SEED', '1'))
    marks: Path | None = None

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        case = '/'.join(transform.label for transform in graph.transforms)
        with TemporaryDirectory() as folder:
            killing = Killing(self.seed, self.marks or Path(folder), case)
            try:
                with mock.patch.multiple(worker, **_killing(killing)):
                    return super().run(graph, options)
            except BaseException as error:
                error.add_note(f'killed: {sorted(killing.killed())}; KILLING_SEED={self.seed} replays it')
                raise
