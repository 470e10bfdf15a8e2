"""The command line, called as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bourne
from bourne.cli import main
from bourne.sdk.graph.graph import Graph
from bourne.sdk.pipeline import override
from bourne.sdk.runner import PipelineState

Output = tuple[int, str, str]
Bourne = Callable[..., Output]

SCRIPT = """\
import sys

import bourne as beam


def write(pair, path):
    with open(path, 'a') as file:
        file.write('%s=%d ' % pair)


with beam.Pipeline() as p:
    (p
     | beam.Create([('a', 1), ('b', 2), ('a', 3)])
     | 'add' >> beam.CombinePerKey(sum)
     | 'write' >> beam.Map(write, OUTPUT))
print('arguments', sys.argv[1:], __name__)
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Bourne:
    """Calls the command in this process; returns exit code, stdout and stderr."""

    def call(*arguments: object) -> Output:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        out, err = capsys.readouterr()
        assert override.runner is None
        return code, out, err

    return call


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that writes sums into the file ``output`` beside it."""
    path = tmp_path / 'sums.py'
    path.write_text(SCRIPT.replace('OUTPUT', repr(str(tmp_path / 'output'))))
    return path


def sums(directory: Path) -> list[str]:
    return sorted((directory / 'output').read_text().split())


def test_a_script_runs_as_the_main_program(cli: Bourne, script: Path) -> None:
    path = sys.path[:]
    assert cli('run', script, '--runner=local', 'some', '--flag=1') == (
        0, "arguments ['some', '--flag=1'] __main__\n", '')
    assert sums(script.parent) == ['a=4', 'b=2']
    assert sys.path == path


def test_what_follows_two_dashes_is_the_scripts(cli: Bourne, script: Path) -> None:
    code, out, _ = cli('run', script, '--', '--runner=x', '--help')
    assert (code, out) == (0, "arguments ['--runner=x', '--help'] __main__\n")


def test_a_module_runs_as_the_main_program(cli: Bourne, script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(script.parent)
    code, out, err = cli('run', 'sums', 'x')
    assert (code, err) == (0, '')
    assert out.endswith(' __main__\n')
    assert sums(script.parent) == ['a=4', 'b=2']


def test_a_pipeline_is_saved_and_run(cli: Bourne, script: Path, tmp_path: Path) -> None:
    code, text, err = cli('explain', script, '--json')
    assert (code, err) == (0, 'arguments [] __main__\n')
    assert not (tmp_path / 'output').exists()
    saved = tmp_path / 'graph.json'
    saved.write_text(text)
    assert [transform.label for transform in Graph.from_json(text).transforms] == ['Create', 'add', 'write']
    assert cli('run', saved, '--runner=local') == (0, '', '')
    assert sums(tmp_path) == ['a=4', 'b=2']


def test_options_of_the_command_line_win_over_saved_ones(cli: Bourne, tmp_path: Path) -> None:
    options = bourne.options.pipeline_options.PipelineOptions(['--runner=nowhere', '--bundle_size=2'], mine=3)
    pipeline = bourne.Pipeline(options=options)
    pipeline | bourne.Create([1, 2, 3]) | bourne.BatchElements(5, 5) | bourne.Map(
        lambda batch, path: Path(path).touch(), str(tmp_path / 'done'))
    saved = tmp_path / 'graph.json'
    saved.write_text(pipeline.to_graph().to_json())
    code, _, err = cli('run', saved)
    assert (code, "there is no runner 'nowhere'; installed: " in err) == (2, True)
    assert cli('run', saved, '--runner=local') == (0, '', '')
    assert (tmp_path / 'done').exists()


@pytest.fixture
def calculator(tmp_path: Path) -> Path:
    """A script whose pipeline fails at an element."""
    path = tmp_path / 'divide.py'
    path.write_text(
        'import bourne as beam\n'
        'with beam.Pipeline() as p:\n'
        "    p | beam.Create([2, 0]) | 'divide' >> beam.Map(lambda x: 1 / x)\n")
    return path


def failure(err: str, calculator: Path) -> None:
    assert err.startswith('Traceback (most recent call last):\n')
    assert f'File "{calculator}", line 3, in <lambda>' in err
    assert f"ZeroDivisionError: division by zero\nin Map 'divide', applied at {calculator}:3\n" in err
    assert '  element: 0\n' in err
    assert 'bourne/cli.py' not in err
    assert 'runpy' not in err


def test_a_failing_script_shows_the_users_traceback(cli: Bourne, calculator: Path) -> None:
    code, out, err = cli('run', calculator)
    assert (code, out) == (1, '')
    failure(err, calculator)


def test_a_failing_saved_pipeline_shows_the_users_traceback(cli: Bourne, calculator: Path, tmp_path: Path) -> None:
    saved = tmp_path / 'graph.json'
    saved.write_text(cli('explain', calculator, '--json')[1])
    code, out, err = cli('run', saved)
    assert (code, out) == (1, '')
    failure(err, calculator)


def test_a_script_that_ends_itself_does(cli: Bourne, tmp_path: Path) -> None:
    path = tmp_path / 'leave.py'
    path.write_text('raise SystemExit(7)')
    assert cli('run', path) == (7, '', '')


def test_an_interrupted_run_says_so(cli: Bourne, tmp_path: Path) -> None:
    path = tmp_path / 'interrupted.py'
    path.write_text('raise KeyboardInterrupt')
    assert cli('run', path) == (130, '', 'bourne: interrupted\n')


@pytest.mark.parametrize('command', ['run', 'explain'])
@pytest.mark.parametrize(('name', 'content', 'expected'), [
    ('missing.json', None, 'missing.json: there is no such file'),
    ('missing.py', None, 'missing.py: there is no such file'),
    ('broken.json', '{', 'broken.json: not a graph: the text is not JSON: '),
    ('other.json', '{"format": "x"}', 'other.json: not a graph: the JSON has no "format": "bourne-graph"'),
    ('newer.json', '{"format": "bourne-graph", "version": 99}', 'newer.json: the graph has version 99, and this'),
    ('binary.json', b'\xff', "binary.json: 'utf-8' codec can't decode byte 0xff"),
    ('', None, 'is a directory; name a script or a saved pipeline in it'),
])
def test_mistakes_are_one_line_and_exit_code_2(
        cli: Bourne, tmp_path: Path, command: str, name: str, content: str | bytes | None, expected: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, err = cli(command, path)
    assert (code, out, err.count('\n')) == (2, '', 1)
    assert err.startswith('bourne: ')
    assert expected in err


def test_other_mistakes(cli: Bourne, script: Path, tmp_path: Path) -> None:
    assert cli('run', 'no.such.module') == (
        2, '', 'bourne: no.such.module: there is no such file, and no such module\n')
    code, _, err = cli('run', script, '--runner=nowhere')
    assert (code, err.startswith("bourne: there is no runner 'nowhere'; installed: ")) == (2, True)
    saved = tmp_path / 'graph.json'
    saved.write_text(bourne.Pipeline().to_graph().to_json())
    code, _, err = cli('run', saved, '--bundle_sise=3')
    assert (code, '--bundle_sise=3  (did you mean --bundle_size?)' in err) == (2, True)
    assert cli('explain', saved, 'x') == (2, '', 'bourne: a saved pipeline takes no arguments to be explained, got x\n')
    empty = tmp_path / 'empty.py'
    empty.write_text('')
    assert cli('explain', empty) == (2, '', f'bourne: {empty} ran no pipeline, so there is nothing to explain\n')
    for arguments in ((), ('explain',), ('version', 'x'), ('walk',)):
        code, out, err = cli(*arguments)
        assert (code, out, 'usage: ' in err) == (2, '', True)


def test_an_unsupported_pipeline_is_refused_with_all_reasons(cli: Bourne, tmp_path: Path) -> None:
    pipeline = bourne.Pipeline()
    windowed = pipeline | bourne.Create([('a', 1)]) | bourne.WindowInto(
        bourne.window.FixedWindows(1), trigger=bourne.trigger.Repeatedly(bourne.trigger.AfterCount(1)),
        accumulation_mode=bourne.trigger.AccumulationMode.RETRACTING)
    windowed | bourne.GroupByKey()
    saved = tmp_path / 'graph.json'
    saved.write_text(pipeline.to_graph().to_json())
    code, _, err = cli('run', saved)
    assert code == 2
    assert err.startswith('bourne: this pipeline uses what bourne does not support yet:\n  - GroupByKey (')
    assert 'Traceback' not in err


def test_explain_shows_graph_passes_and_plan(cli: Bourne, script: Path) -> None:
    code, out, err = cli('explain', script)
    assert (code, err) == (0, 'arguments [] __main__\n')
    assert not (script.parent / 'output').exists()
    titles = [line for line in out.splitlines() if line.startswith(('==', '--'))]
    assert titles[:3] == ['== graph ==', '== plan after each pass ==', '-- initial']
    assert titles[-1] == '== plan =='
    assert '-- remove_flattens: no change' in titles
    assert '-- lift_combiners' in titles
    assert 'add: Combine sum\n  reads Create\n  gives add: tuple[str, int]\n' in out
    assert out.endswith('exchanges:\n  1 -> 2  by key: add/lifted\n')


@pytest.mark.parametrize('option', ['--graph', '--passes', '--plan', '--source', '--mermaid', '--json'])
def test_one_part_of_an_explanation_stands_alone(cli: Bourne, script: Path, option: str) -> None:
    code, out, _ = cli('explain', script, option)
    assert code == 0
    starts = {
        '--graph': 'Create: Read CreateSource\n', '--passes': '-- initial\nstage 1: Create\n',
        '--plan': 'stage 1: Create +1\n', '--source': '# stage 1: Create +1\ndef stage(',
        '--mermaid': 'flowchart TD\n  n0[', '--json': '{\n "format": "bourne-graph",'}
    assert out.startswith(starts[option])
    if option == '--json':
        json.loads(out)


def test_the_source_of_one_stage_by_number_or_name(cli: Bourne, script: Path) -> None:
    _, by_number, _ = cli('explain', script, '--source', '2')
    _, by_name, _ = cli('explain', script, '--source=add +1')
    assert by_number == by_name
    assert by_number.startswith('# stage 2: add +1\ndef stage(values, timestamps, windows, panes):\n')
    assert by_number.count('def stage(') == 1
    _, every, _ = cli('explain', '--source', script)
    assert every.count('def stage(') == 2
    code, out, err = cli('explain', script, '--source', '9')
    assert (code, out) == (2, '')
    assert err.endswith("bourne: there is no stage '9'; the stages are\n  1: Create +1\n  2: add +1\n")


def test_parts_are_titled_where_there_are_several(cli: Bourne, script: Path) -> None:
    _, out, _ = cli('explain', script, '--mermaid', '--plan')
    assert [line for line in out.splitlines() if line.startswith('==')] == ['== mermaid ==', '== plan ==']


def test_every_pipeline_of_a_script_is_explained_although_nothing_ran(cli: Bourne, tmp_path: Path) -> None:
    path = tmp_path / 'several.py'
    path.write_text(
        'import bourne as beam\n'
        'for name in "ab":\n'
        '    p = beam.Pipeline()\n'
        '    p | name >> beam.Create([1])\n'
        '    result = p.run()\n'
        '    result.wait_until_finish()\n'
        f'    assert result.state == {PipelineState.DONE!r}\n'
        '    assert result.metrics().query()["counters"] == []\n'
        'open("a result that nobody wrote")\n')
    code, out, err = cli('explain', path, '--graph')
    assert code == 0
    assert [line for line in out.splitlines() if not line.startswith(' ')] == [
        '# pipeline 1 of 2', '', 'a: Read CreateSource', '', '# pipeline 2 of 2', '', 'b: Read CreateSource']
    assert 'FileNotFoundError' in err
    assert err.endswith('failed after its pipeline was described, perhaps because nothing ran\n')


def test_a_script_that_fails_before_its_pipeline_is_a_failure(cli: Bourne, tmp_path: Path) -> None:
    path = tmp_path / 'early.py'
    path.write_text('import bourne as beam\nbeam.Pipeline() | 5\n')
    code, out, err = cli('explain', path)
    assert (code, out) == (1, '')
    assert f'File "{path}", line 2' in err
    assert 'a PTransform is needed after |, got 5' in err


@pytest.mark.parametrize('arguments', [('version',), ('--version',)])
def test_the_version(cli: Bourne, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments) == (0, f'bourne {bourne.__version__}\n', '')


def test_the_module_is_the_command(script: Path) -> None:
    done = subprocess.run([sys.executable, '-m', 'bourne', 'explain', script, '--mermaid'],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, 'flowchart TD')


def test_a_reader_that_leaves_early_is_no_failure_to_talk_about(script: Path) -> None:
    program = ('import sys; from bourne.cli import main; import os; r, w = os.pipe(); os.close(r); '
               'os.dup2(w, 1); raise SystemExit(main(sys.argv[1:]))')
    done = subprocess.run([sys.executable, '-c', program, 'explain', script], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, 'Traceback' in done.stderr, 'BrokenPipe' in done.stderr) == (1, False, False)
