"""The command line: ``bourne run``, ``bourne explain``, ``bourne status|wait|cancel``, ``bourne version``.

Exit codes: 0 if all went well, 1 if the pipeline or script failed (with its own traceback), 2 for mistakes in how the
command was called (one message, no traceback), 130 if it was interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import TracebackType
from typing import Any

from bourne import __version__
from bourne.engine.plan.compile import compile_plan, passes
from bourne.engine.plan.explain import explain
from bourne.engine.plan.stage import Plan
from bourne.engine.program.program import describe_program
from bourne.errors import GraphError, OptionsError, PipelineError, TransformError, UnsupportedError
from bourne.jobcommands import add_commands
from bourne.sdk.graph import check
from bourne.sdk.graph.graph import Graph
from bourne.sdk.graph.nodes import Read
from bourne.sdk.metrics import MetricResults
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.options import OptionsContext, PipelineOptions, runner_name
from bourne.sdk.options_base import names_in
from bourne.sdk.pipeline import override
from bourne.sdk.runner import PipelineResult, PipelineRunner, PipelineState, find_runner

_RUN_HELP = """\
PATH is a pipeline that was saved with pipeline.to_graph().to_json(), a Python script, or the name of a module.
A script or module runs as the main program and gets all arguments that are left. For a saved pipeline they are
pipeline options, and win over those that were saved with it."""

_EXPLAIN_HELP = """\
PATH is a saved pipeline, a Python script, or the name of a module. Nothing runs: pipelines of a script are only
described, and what the script prints goes to stderr. Without any of the options below, the graph, the plan after
each pass and the stages are shown. Arguments that are left go to the script."""


#: Options of `bourne run` that are options of pipelines.
_SHOWN = ('profile', 'status')


class _Mistake(Exception):
    """How the command was called makes no sense; the message is for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
      argv: the arguments; by default those of the process.

    Returns:
      The exit code.

    Raises:
      SystemExit: from a script that ends itself, and for ``--help``.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    cut = arguments.index('--') if '--' in arguments else len(arguments)
    parser = _parser()
    options, rest = parser.parse_known_args(arguments[:cut])
    try:
        options.command(parser, options, rest + arguments[cut + 1:])
        sys.stdout.flush()
    except _Mistake as mistake:
        print(f'bourne: {mistake}', file=sys.stderr)
        return 2
    except _Failed:
        return 1
    except KeyboardInterrupt:
        print('bourne: interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader has seen enough, as in `bourne explain PATH | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> Any:
    import argparse

    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser('bourne', allow_abbrev=False,
                                     description='Runs and explains data pipelines.')
    parser.add_argument('--version', action='version', version=f'bourne {__version__}')
    commands = parser.add_subparsers(metavar='COMMAND', required=True)

    run = commands.add_parser('run', allow_abbrev=False, formatter_class=raw, description=_RUN_HELP,
                              help='run a saved pipeline, a script or a module')
    run.add_argument('path', metavar='PATH')
    run.add_argument('--runner', metavar='NAME', help='where to run, whatever the pipeline itself says')
    run.add_argument('--profile', action='store_true', help='show at the end which transform took the time')
    run.add_argument('--status', action='store_true', help='show how a stream stands while it runs')
    run.set_defaults(command=_run)

    explain = commands.add_parser('explain', allow_abbrev=False, formatter_class=raw, description=_EXPLAIN_HELP,
                                  help='show what a pipeline is, and how it would run')
    explain.add_argument('path', metavar='PATH', nargs='?')
    explain.add_argument('--graph', action='store_true', help='the graph: what the pipeline says')
    explain.add_argument('--passes', action='store_true', help='the plan before the first pass, and after each')
    explain.add_argument('--plan', action='store_true', help='the plan: stages, and the exchanges between them')
    explain.add_argument('--source', metavar='STAGE', nargs='?', const='',
                         help='the generated source of all stages, or of one, by number or name')
    explain.add_argument('--mermaid', action='store_true', help='the graph as a Mermaid flowchart')
    explain.add_argument('--json', action='store_true', help='the graph as JSON, as `bourne run` takes it')
    explain.add_argument('--streaming', action='store_true',
                         help='explain it as a stream, also if all of its data is bounded')
    explain.add_argument('--runner', metavar='NAME', help='with the plan, also what this runner would make of it')
    explain.set_defaults(command=_explain)

    add_commands(commands, raw, _on_job)

    version = commands.add_parser('version', help='print the version')
    version.set_defaults(command=_version)
    return parser


def _version(parser: Any, options: Any, rest: list[str]) -> None:
    if rest:
        parser.error(f'version takes no arguments, got {" ".join(rest)}')
    print(f'bourne {__version__}')


# -- bourne run --


def _run(parser: Any, options: Any, rest: list[str]) -> None:
    kind = _kind(options.path)
    if kind != 'graph':
        with _mistakes():
            override.runner = find_runner(runner_name(options.runner)) if options.runner else None
        try:
            with OptionsContext(**{name: True for name in _SHOWN if getattr(options, name)}):
                _run_program(kind, options.path, rest)
        finally:
            override.runner = None
        return
    graph = _load(options.path)
    with _mistakes():
        flags = [*rest, *([f'--runner={options.runner}'] if options.runner else []),
                 *(f'--{name}' for name in _SHOWN if getattr(options, name))]
        merged = _merged_options(graph, flags)
        runner = find_runner(runner_name(merged))
    with _user_traceback(UnsupportedError, PipelineError, TransformError):
        result = runner.run(graph, merged)
        if not result.detached:
            result.wait_until_finish()


def _merged_options(graph: Graph, flags: list[str]) -> Any:
    """The options that were saved with a graph, but for those that flags set."""

    PipelineOptions(flags).check()
    named = names_in(flags)
    return PipelineOptions(flags, **{name: value for name, value in graph.options.items() if name not in named})


# -- bourne explain --


def _explain(parser: Any, options: Any, rest: list[str]) -> None:
    path, source = options.path, options.source
    if path is None and source is not None and os.path.exists(source):
        path, source = source, ''  # `bourne explain --source PATH`
    if path is None:
        parser.error('explain needs a PATH')
    kind = _kind(path)
    graphs = [_load(path)] if kind == 'graph' else _graphs_of(kind, path, rest, options)
    if kind == 'graph' and rest:
        raise _Mistake(f'a saved pipeline takes no arguments to be explained, got {" ".join(rest)}')
    if not graphs:
        raise _Mistake(f'{path} ran no pipeline, so there is nothing to explain')
    for number, graph in enumerate(graphs, 1):
        if len(graphs) > 1:
            print(f'{"" if number == 1 else chr(10)}# pipeline {number} of {len(graphs)}\n')
        print('\n\n'.join(part.rstrip() for part in _sections(graph, options, source)))


def _sections(graph: Graph, options: Any, source: str | None) -> Iterator[str]:
    """The parts of an explanation that were asked for, by default the graph, the passes and the plan."""
    chosen = [options.graph, options.passes, options.plan, source is not None, options.mermaid, options.json]
    usual = not any(chosen)
    titled = usual or sum(chosen) > 1
    streaming = options.streaming or _is_stream(graph)
    of_stream = ' of the stream' if streaming else ''

    def titled_as(title: str, text: str) -> str:
        return f'== {title} ==\n{text}' if titled else text

    if options.graph or usual:
        yield titled_as('graph', graph.to_text())
    if options.mermaid:
        yield titled_as('mermaid', graph.to_mermaid())
    if options.json:
        yield titled_as('json', graph.to_json(indent=1))
    if options.passes or usual:
        yield titled_as(f'plan{of_stream} after each pass', _passes(graph, streaming))
    if options.plan or usual:
        more = '' if streaming else _on_runner(graph, options.runner)
        yield titled_as(f'plan{of_stream}', explain(compile_plan(graph, streaming=streaming)) + more)
    if source is not None:
        yield titled_as('source', _sources(compile_plan(graph, streaming=streaming), source))


def _on_runner(graph: Graph, wanted: str | None) -> str:
    """What a runner says of a graph: the one that is wanted, else that of the pipeline's own options."""
    name = runner_name(wanted or graph.options.get('runner'))
    if name == 'local':
        return ''
    try:
        runner = find_runner(name)
    except OptionsError as error:
        if wanted:
            raise _Mistake(str(error)) from error
        return ''
    return runner.explain(graph, PipelineOptions(**graph.options))


def _is_stream(graph: Graph) -> bool:
    """True if a pipeline runs as a stream, by its options or because some of its data has no end."""
    return bool(graph.options.get('streaming')) or any(
        isinstance(transform.payload, Read) and not transform.payload.source.bounded for transform in graph.transforms)


def _passes(graph: Graph, streaming: bool) -> str:
    parts = []
    before = ''
    for name, plan in passes(graph, streaming=streaming):
        text = explain(plan)
        parts.append(f'-- {name}\n{text}' if text != before else f'-- {name}: no change\n')
        before = text
    return '\n'.join(parts)


def _sources(plan: Plan, wanted: str) -> str:
    found = [(number, stage) for number, stage in enumerate(plan.stages, 1)
             if wanted in ('', str(number), stage.name)]
    if not found:
        raise _Mistake(_no_such_stage(plan, wanted))
    return '\n'.join(f'# stage {number}: {stage.name}\n{describe_program(plan, stage)}' for number, stage in found)


def _no_such_stage(plan: Plan, wanted: str) -> str:
    names = '\n'.join(f'  {number}: {stage.name}' for number, stage in enumerate(plan.stages, 1))
    return f'there is no stage {wanted!r}; the stages are\n{names}'


class _Described(PipelineResult):
    """The result of a pipeline that was described instead of run."""

    @property
    def state(self) -> str:
        return PipelineState.DONE

    def wait_until_finish(self, duration: float | None = None) -> str:
        return self.state

    def cancel(self) -> str:
        return self.state

    def metrics(self) -> MetricResults:
        return MetricResults(MetricsContainer())


class _Describer(PipelineRunner):
    """Keeps graphs instead of running them.

    Args:
      as_json: whether they shall be written as JSON later: that works only while the functions of a script can be
        told from those of other modules, so they go to JSON and back at once.
    """

    def __init__(self, as_json: bool) -> None:
        self.graphs: list[Graph] = []
        self._as_json = as_json

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        self.graphs.append(Graph.from_json(graph.to_json()) if self._as_json else graph)
        return _Described()


def _graphs_of(kind: str, path: str, arguments: list[str], options: Any) -> list[Graph]:
    """The graphs of all pipelines that a program would run."""
    describer = override.runner = _Describer(options.json)
    try:
        with redirect_stdout(sys.stderr), OptionsContext(**({'streaming': True} if options.streaming else {})):
            _run_program(kind, path, arguments)
    except (_Failed, SystemExit) as error:
        if not describer.graphs:
            raise
        if isinstance(error, _Failed):
            print(f'bourne: {path} failed after its pipeline was described, perhaps because nothing ran',
                  file=sys.stderr)
    finally:
        override.runner = None
    return describer.graphs


# -- programs and saved pipelines --


def _kind(path: str) -> str:
    """What a PATH names: ``graph``, ``script`` or ``module``."""
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, '__main__.py')):
        raise _Mistake(f'{path} is a directory; name a script or a saved pipeline in it')
    if os.path.exists(path):
        return 'graph' if path.endswith('.json') else 'script'
    if path.endswith(('.py', '.json')) or os.sep in path or not _is_module(path):
        raise _Mistake(f'{path}: there is no such file' + ('' if os.sep in path else ', and no such module'))
    return 'module'


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    sys.path.insert(0, os.getcwd())
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.path.pop(0)


def _load(path: str) -> Graph:

    try:
        with open(path, encoding='utf-8') as file:
            graph = Graph.from_json(file.read())
        check.check_structure(graph)
    except (OSError, UnicodeDecodeError, GraphError) as error:
        raise _Mistake(f'{path}: {getattr(error, "strerror", None) or error}') from error
    with _user_traceback(UnsupportedError, PipelineError, TransformError):
        check.check_semantics(graph)
    return graph


def _run_program(kind: str, path: str, arguments: list[str]) -> None:
    """Runs a script or module as the main program, as ``python path`` and ``python -m path`` do."""
    import runpy

    saved = sys.argv, sys.path[:]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)) if kind == 'script' else os.getcwd())
    try:
        with _user_traceback():
            if kind == 'script':
                runpy.run_path(path, run_name='__main__')
            else:
                runpy.run_module(path, run_name='__main__', alter_sys=True)
    finally:
        sys.argv, sys.path[:] = saved


# -- bourne status, wait, cancel --


def _on_job(parser: Any, options: Any, rest: list[str]) -> None:
    with _user_traceback(OptionsError, PipelineError):
        state = options.act(options, rest)
    if state != PipelineState.DONE:
        raise _Failed


# -- errors --


class _Failed(Exception):
    """Something failed, and that has been printed."""


@contextmanager
def _mistakes() -> Iterator[None]:
    """Options that cannot be used are the user's mistakes."""
    try:
        yield
    except OptionsError as error:
        raise _Mistake(str(error)) from error


@contextmanager
def _user_traceback(*mistakes: type[Exception]) -> Iterator[None]:
    """Prints the traceback of what fails, without the command line's own frames at its start.

    Args:
      mistakes: errors that are shown by their message alone.
    """
    try:
        yield
    except _Mistake:
        raise
    except mistakes as error:
        raise _Mistake(str(error)) from error
    except Exception as error:
        traceback.print_exception(error.with_traceback(_without_own_frames(error.__traceback__)))
        raise _Failed from error


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    first = trace
    while trace is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace or first


def _is_own(file: str) -> bool:
    return file == __file__ or file.startswith('<frozen runpy') or os.path.basename(file) == 'runpy.py'
