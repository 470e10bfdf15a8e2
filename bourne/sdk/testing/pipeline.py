"""``TestPipeline``: a pipeline that goes through JSON before it runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import attrs

from bourne.sdk.graph.graph import Graph
from bourne.sdk.options import PipelineOptions, TestOptions
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState
from bourne.sdk.testing.merging import merging

#: Flags for every test pipeline of the process that is given none of its own.
ENVIRONMENT = 'BOURNE_TEST_PIPELINE_OPTIONS'
_OPTIONS_FLAG = '--test-pipeline-options'
_API_FLAG = '--not-use-test-runner-api'


@attrs.frozen
class _Defaults:
    runner: str | PipelineRunner | None = None
    flags: tuple[str, ...] | None = None


_NOTHING = _Defaults()
_defaults: ContextVar[_Defaults] = ContextVar('test_pipeline_defaults', default=_NOTHING)


@contextmanager
def running_on(runner: str | PipelineRunner | None = None, flags: Iterable[str] | None = None) -> Iterator[None]:
    """Inside of the block, test pipelines that name no runner run on this one, and those without options have these.

    A suite that runs on several runners wraps each of its cases in it.

    Args:
      runner: a runner or its name, or ``None`` to leave it as it is.
      flags: options as flags, or ``None`` to leave them as they are.
    """
    outer = _defaults.get()
    token = _defaults.set(_Defaults(outer.runner if runner is None else runner,
                                    outer.flags if flags is None else tuple(flags)))
    try:
        yield
    finally:
        _defaults.reset(token)


class TestPipeline(Pipeline):
    """A pipeline for tests. Its graph goes to JSON and back before it runs, so that every test tests that, too.

    A ``CombineFn`` combines in two parts, so that its ``merge_accumulators`` is called if a key has two values.

    ::

        with TestPipeline() as p:
            squares = p | Create([1, 2, 3]) | Map(lambda x: x * x)
            assert_that(squares, equal_to([1, 4, 9]))

    The flags of the process (``sys.argv``) are never looked at. Which options a pipeline has is decided by the first
    of: ``options``; ``argv`` with ``--test-pipeline-options`` in it taken apart; :func:`running_on`;
    ``TestPipeline.pytest_test_pipeline_options``; the environment variable ``BOURNE_TEST_PIPELINE_OPTIONS``.

    Args:
      runner: a runner or its name; by default what the options say.
      options: the options.
      argv: flags, instead.
      is_integration_test: the test is skipped unless options were given in one of the ways above.
      blocking: ``run`` waits for the end.
      additional_pipeline_args: further flags; without effect beside ``options``.
      display_data: what to show of the pipeline.
      timeout: the most milliseconds that ``run`` waits; then it fails.
      virtual_clock: processing time begins at 0 and leaps to the next instant at which there is something to do, so
        that a test of timers or of ``PeriodicImpulse`` waits for nothing. The same as the option ``--virtual_clock``.

    Raises:
      unittest.SkipTest: if it is an integration test and there are no options.
    """

    # Not a test, whatever pytest thinks of the name.
    __test__ = False

    #: A suite may set it to a string of flags.
    pytest_test_pipeline_options: ClassVar[str | None] = None

    def __init__(self, runner: str | PipelineRunner | None = None, options: PipelineOptions | None = None,
                 argv: list[str] | None = None, is_integration_test: bool = False, blocking: bool = True,
                 additional_pipeline_args: list[str] | None = None, display_data: Mapping[str, Any] | None = None,
                 timeout: float | None = None, virtual_clock: bool = False) -> None:
        flags = _flags(argv)
        if is_integration_test and options is None and not flags:
            from unittest import SkipTest  # here, since it takes longer to import than most pipelines to run

            raise SkipTest(f'an integration test needs options: {_OPTIONS_FLAG} or the environment variable '
                           f'{ENVIRONMENT}')
        self.is_integration_test = is_integration_test
        self.options_list = [*(flags or ()), *(additional_pipeline_args or ())]
        self.blocking = blocking
        self.timeout = timeout
        chosen = runner if runner is not None or options is not None else _defaults.get().runner
        super().__init__(chosen, PipelineOptions(self.options_list) if options is None else options,
                         display_data=display_data)
        if virtual_clock:
            self.options.view_as(TestOptions).virtual_clock = True

    def run(self, test_runner_api: bool = True) -> PipelineResult:
        """See :meth:`bourne.sdk.pipeline.Pipeline.run`; waits for the end if ``blocking``.

        Raises:
          AssertionError: if the run did not end well, or not in time.
        """
        result = super().run(test_runner_api)
        if self.blocking:
            state = result.wait_until_finish(self.timeout)
            if state not in (PipelineState.DONE, PipelineState.CANCELLED):
                late = f' after {self.timeout} ms' if not PipelineState.is_terminal(state) else ''
                raise AssertionError(f'the pipeline is in the state {state}{late}')
        return result

    def _prepare(self, graph: Graph) -> Graph:
        return merging(Graph.from_json(graph.to_json()))

    def get_pipeline_options(self) -> PipelineOptions:
        """The options."""
        return self.options

    def get_full_options_as_args(self, **extra_opts: Any) -> list[str]:
        """The flags that the pipeline was given, and more.

        Args:
          extra_opts: options by name; ``True`` is the flag alone, and what is false is left out.
        """
        more = [f'--{name}' if value is True else f'--{name}={value}' for name, value in extra_opts.items() if value]
        return [*self.options_list, *more]

    def get_option(self, opt_name: str, bool_option: bool = False) -> Any:
        """The value that a flag was given, or ``None``.

        Args:
          opt_name: the option's name, with or without dashes.
          bool_option: the flag has no value: the answer is whether it is there.
        """
        flag = f'--{opt_name.removeprefix("--")}'
        if bool_option:
            return flag in self.options_list
        return _value_of(flag, self.options_list)


def _flags(argv: list[str] | None) -> tuple[str, ...] | None:
    """The flags that are given to a test pipeline from anywhere, or ``None`` if there are none at all."""
    if argv is not None:
        nested = _value_of(_OPTIONS_FLAG, argv)
        rest = _without(_OPTIONS_FLAG, [flag for flag in argv if flag != _API_FLAG])
        return (*rest, *shlex.split(nested or ''))
    if _defaults.get().flags is not None:
        return _defaults.get().flags
    text = TestPipeline.pytest_test_pipeline_options or os.environ.get(ENVIRONMENT)
    return tuple(shlex.split(text)) if text else None


def _value_of(flag: str, flags: list[str]) -> str | None:
    """What stands after a flag, as ``--flag=value`` or ``--flag value``; of several the last."""
    found = None
    for position, item in enumerate(flags):
        if item.startswith(f'{flag}='):
            found = item.partition('=')[2]
        elif item == flag and position + 1 < len(flags):
            found = flags[position + 1]
    return found


def _without(flag: str, flags: list[str]) -> list[str]:
    kept = []
    skip = False
    for item in flags:
        if skip or item.startswith(f'{flag}='):
            skip = False
        elif item == flag:
            skip = True
        else:
            kept.append(item)
    return kept
