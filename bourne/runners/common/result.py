"""The result of a run that blocks whoever starts it."""

from __future__ import annotations

from bourne.runners.common.progress import Progress
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.runner import PipelineResult, PipelineState


class BlockingResult(PipelineResult):
    """A run that has ended when ``run`` returns.

    Args:
      metrics: where the run's metrics are collected.
      progress: its observer.
    """

    def __init__(self, metrics: MetricsContainer, progress: Progress) -> None:
        self._metrics = metrics
        self._progress = progress
        self._state = PipelineState.RUNNING

    @property
    def state(self) -> str:
        return self._state

    def finished(self, state: str) -> None:
        """Sets the state that the run ended in."""
        self._state = state

    def wait_until_finish(self, duration: float | None = None) -> str:
        return self._state

    def cancel(self) -> str:
        """Ends the run at its next bundle; for use from another thread, since a run blocks the one that started it."""
        if not PipelineState.is_terminal(self._state):
            self._progress.cancelled = True
        return self._state

    def metrics(self) -> MetricResults:
        return MetricResults(self._metrics)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self._state}>'
