"""The migration door: every name that Beam's programs use is there, or is known to be missing and says so."""

from __future__ import annotations

import ast
import importlib
import pydoc
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

import bourne
from bourne import beam
from bourne.sdk.options import OptionsWarning, runner_name
from tests.layering import read_tree

HERE = Path(__file__).parent
MODULES = sorted({*beam.MODULES, *beam.NOT_YET})

#: Members that classes of bourne do not have yet. This list must shrink.
MEMBERS_NOT_YET = {('utils.timestamp', 'Timestamp.MICROS_PRECISION')}

#: What bourne has under a name of ``beam.NOT_YET``, although it is not what Beam has there.
OTHER_THINGS = {
    'N': 'a type variable in sdk/transforms/top.py',
    'Sink': "bourne's own contract, in which writers prepare and one place commits",
    'Timer': 'a tuple in engine/timers.py',
    'Writer': 'likewise',
}


def beam_names() -> list[tuple[str, str]]:
    """The names that Beam's programs use: pairs of a module without ``apache_beam.`` and a name in it."""
    pairs, module = [], ''
    for line in (HERE / 'beam_names.txt').read_text(encoding='utf-8').splitlines():
        if line.startswith('apache_beam'):
            module = line.removeprefix('apache_beam').removeprefix('.')
        elif line.startswith(' '):
            pairs.append((module, line.strip()))
    return pairs


def door(module: str) -> ModuleType:
    return importlib.import_module(f'bourne.beam.{module}' if module else 'bourne.beam')


def missing(path: str) -> str:
    """The message of the ImportError that ``from bourne.beam.<module> import <name>`` raises."""
    module, _, name = path.rpartition('.')
    with pytest.raises(ImportError) as caught:
        exec(f'from bourne.beam{"." * bool(module)}{module} import {name}')
    return str(caught.value)


@pytest.mark.parametrize(('module', 'path'), beam_names(), ids=lambda part: part or 'apache_beam')
def test_a_name_of_beams_programs_is_there_or_says_that_it_is_not_yet(module: str, path: str) -> None:
    name, *members = path.split('.')
    if name in beam.not_yet(beam.ALIASES.get(module, module)):
        message = missing(f'{module}.{name}'.strip('.'))
        assert f'bourne does not have {name!r} of apache_beam' in message
        assert ' yet; docs/beam.md lists what is missing' in message
        return
    found: Any = getattr(door(module), name)
    for member in members:
        if (module, path) not in MEMBERS_NOT_YET:
            found = getattr(found, member)


@pytest.mark.parametrize('module', sorted(beam.MODULES), ids=lambda module: module or 'apache_beam')
def test_every_name_of_the_table_resolves(module: str) -> None:
    opened = door(module)
    for name, place in beam.names(module).items():
        home, _, attribute = place.partition(':')
        assert getattr(opened, name) is getattr(importlib.import_module(home), attribute)


def test_the_tables_agree() -> None:
    used = {name for module in beam.MODULES for name in beam.names(module)}
    assert set(beam._homes()) == used
    names = [name.partition('=')[0] for words in beam.HOMES.values() for name in words.split()]
    assert len(names) == len(set(names))
    for path in beam.ALIASES.values():
        assert path in MODULES
    for package, words in beam.ABSENT.items():
        assert not {f'{package}.{word}'.strip('.') for word in words.split()} & set(MODULES)


def defined_names() -> Iterator[str]:
    """Every class, function and value that bourne's modules define."""
    for path in read_tree(HERE.parent).paths.values():
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    yield name
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield name


def test_what_is_not_yet_is_not_there_by_now() -> None:
    waiting = {name for module in beam.NOT_YET for name in beam.not_yet(module)}
    here = waiting & set(defined_names())
    unlisted = sorted(here - OTHER_THINGS.keys())
    assert not unlisted, f'bourne has {unlisted}: add them to HOMES and MODULES'


@pytest.mark.parametrize(('path', 'expected'), [
    ('io.kafka', 'bourne does not have the module apache_beam.io.kafka yet, nor what is in it'),
    ('io.kafka.ReadFromKafka', 'bourne does not have the module apache_beam.io.kafka'),
    ('io.gcp.bigquery.ReadFromBigQuery', 'bourne does not have the module apache_beam.io.gcp'),
    ('dataframe', 'bourne does not have the module apache_beam.dataframe yet'),
    ('PipelineVisitor', "bourne does not have 'PipelineVisitor' of apache_beam yet"),
    ('io.ReadFromParquet', "bourne does not have 'ReadFromParquet' of apache_beam.io yet"),
    ('Papardo', "nobody knows 'Papardo' in apache_beam: bourne does not have it, and as far as bourne knows, "),
    ('Papardo', "neither does Apache Beam. Did you mean 'ParDo'?"),
    ('transforms.core.FixedWindows', "nobody knows 'FixedWindows' in apache_beam.transforms.core: "),
    ('transforms.core.FixedWindows', 'neither does Apache Beam. It is in apache_beam.transforms.window'),
    ('nonsense.at_all', "nobody knows 'nonsense' in apache_beam: "),
])
def test_what_is_missing_is_told_apart_from_what_nobody_knows(path: str, expected: str) -> None:
    assert expected in missing(path)
    with pytest.raises(ImportError) as caught:
        importlib.import_module(f'bourne.beam.{path}')
    assert expected in str(caught.value)


def test_a_missing_attribute_says_the_same() -> None:
    with pytest.raises(AttributeError) as caught:
        beam.io.ReadFromParquet  # noqa: B018
    assert "bourne does not have 'ReadFromParquet' of apache_beam.io yet" in str(caught.value)
    with pytest.raises(AttributeError, match=r"module 'bourne\.beam\.io' has no attribute '__wrapped__'"):
        beam.io.__wrapped__  # noqa: B018
    assert not hasattr(beam, 'Nothing')
    assert not hasattr(bourne, 'Nothing')


def test_paths_lead_to_one_module() -> None:
    import bourne.beam.window
    from bourne.beam import window as first
    from bourne.beam.transforms import window as second
    assert first is second is beam.window is beam.transforms.window is bourne.beam.window is bourne.window
    assert repr(first) == "<module 'bourne.beam.transforms.window' (bourne.beam)>"
    assert beam.transforms.combiners.core.Map is beam.Map is bourne.Map


def test_modules_tell_what_they_have() -> None:
    assert {'FixedWindows', 'TimestampedValue', '__doc__'} <= set(dir(beam.window))
    assert {'Map', 'io', 'options', 'window', '__version__'} <= set(dir(beam))
    assert not {'HOMES', 'functools', 'find', ''} & set(dir(beam))
    assert {'pipeline_options', 'value_provider'} <= set(dir(beam.options))
    assert 'class FixedWindows' in pydoc.render_doc(beam.window, renderer=pydoc.plaintext)
    space: dict[str, Any] = {}
    exec('from bourne.beam.transforms.window import *', space)
    assert {'FixedWindows', 'Sessions'} <= space.keys()
    assert not {'find', '__version__'} & space.keys()


def test_functions_that_use_the_door_can_be_pickled() -> None:
    window = beam.window

    def make(size: int) -> Any:
        return beam.transforms.window.FixedWindows(size), window.Sessions(size)

    program = 'import sys, cloudpickle; print(cloudpickle.loads(sys.stdin.buffer.read())(3))'
    done = subprocess.run([sys.executable, '-c', program], input=cloudpickle.dumps(make), capture_output=True,
                          check=False, cwd=HERE.parent)
    assert done.stdout.decode().strip() == str(make(3)), done.stderr.decode()


def migrated(name: str, directory: Path) -> Path:
    """A Beam program after the sed of docs/beam.md."""
    source = (HERE / 'beam_programs' / name).read_text(encoding='utf-8')
    assert 'bourne' not in source
    path = directory / name
    path.write_text(source.replace('apache_beam', 'bourne.beam'), encoding='utf-8')
    return path


def run(path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, 'argv', [str(path), *arguments])
    runpy.run_path(str(path), run_name='__main__')


@pytest.mark.filterwarnings('ignore:these pipeline options have no effect here')
def test_the_word_count_of_beam_runs(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'in.txt').write_text('to be or not\n\nto be\n')
    program = migrated('wordcount.py', tmp_path)
    run(program, monkeypatch, f'--input={tmp_path}/in.txt', f'--output={tmp_path}/out', '--runner=DirectRunner')
    [output] = tmp_path.glob('out*')
    assert sorted(output.read_text().splitlines()) == ['be: 2', 'not: 1', 'or: 1', 'to: 2']
    assert capsys.readouterr().out == 'words 6\nempty_lines 1\nlongest 3\n'


def test_windowed_scores_of_beam_run(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(migrated('game.py', tmp_path), monkeypatch, '--minutes=60')
    assert sorted(capsys.readouterr().out.splitlines()) == [
        '00:00 blue 5', '00:00 red 7', '01:00 ? 1', '01:00 blue 7', '01:00 red -2', 'bad nonsense', 'spread 9']


def test_tests_of_streams_run_as_beam_has_them(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(migrated('streaming.py', tmp_path), monkeypatch)
    assert capsys.readouterr().out == 'all as expected\n'


def test_transforms_that_come_with_beam_run(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(migrated('library.py', tmp_path), monkeypatch)
    assert capsys.readouterr().out == 'ok\n'


def test_the_dask_runner_is_where_beam_has_it() -> None:
    from bourne.runners.dask import DaskResult, DaskRunner
    from bourne.sdk.options import DaskOptions

    found = door('runners.dask.dask_runner')
    assert (found.DaskRunner, found.DaskRunnerResult, found.DaskOptions) == (DaskRunner, DaskResult, DaskOptions)
    options = found.DaskOptions(['--dask_client_address=tcp://host:8786', '--dask_connection_timeout=9'])
    assert (options.dask_scheduler, options.dask_connection_timeout) == ('tcp://host:8786', 9)
    with pytest.warns(OptionsWarning, match='--dask_npartitions: the number of tasks follows from the size'):
        found.DaskOptions(['--dask_npartitions=3']).check()
    for package in ('apache_beam', 'bourne.beam'):
        assert runner_name(f'{package}.runners.dask.dask_runner.DaskRunner') == 'dask'
