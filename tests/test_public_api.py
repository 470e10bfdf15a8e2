"""What ``import bourne`` gives, and what it does not import."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import bourne
from bourne import beam

ROOT = Path(__file__).resolve().parent.parent

#: Names that Beam's own top level has without documenting them there: `beam.X` works, and that is all.
BESIDES = {
    'ApproximateQuantilesCombineFn', 'ApproximateUniqueCombineFn', 'DeadLetter', 'PipelineOptions', 'Read',
    'RemoveDuplicates', 'RowCoder', 'TimeDomain', 'Windowing', 'WithLengthBucketKey', 'WithTypeHints', 'Write',
    '__version__', 'label_from_callable',
}
MODULES = {name for name in bourne.__all__ if isinstance(getattr(bourne, name), ModuleType)}


def python(program: str) -> str:
    """What a program prints, run in an interpreter of its own."""
    return subprocess.check_output([sys.executable, '-c', program], text=True, cwd=ROOT)


def test_all_is_what_beam_has_at_its_top_level() -> None:
    assert set(bourne.__all__) - MODULES == beam.names('').keys() - BESIDES
    assert len(bourne.__all__) == len(set(bourne.__all__))
    assert {'coders', 'combiners', 'io', 'metrics', 'options', 'pvalue', 'testing', 'transforms', 'typehints',
            'window'} <= MODULES


@pytest.mark.parametrize('name', sorted({*bourne.__all__, *BESIDES}))
def test_a_name_is_there_and_is_the_same_as_in_the_door(name: str) -> None:
    found = getattr(bourne, name)
    assert name in {*dir(bourne), *BESIDES}
    if name != 'io':
        assert found is getattr(beam, name)


@pytest.mark.parametrize('name', sorted(set(bourne.__all__) - MODULES))
def test_a_name_is_documented(name: str) -> None:
    found = getattr(bourne, name)
    assert inspect.getdoc(found)
    assert found.__module__.startswith('bourne.')


def test_io_is_bournes_own_package_with_the_names_of_beams() -> None:
    assert bourne.io.__name__ == 'bourne.io'
    for name in beam.names('io'):
        assert getattr(bourne.io, name) is getattr(beam.io, name)


def test_a_program_of_beam_that_needs_no_other_path_runs() -> None:
    program = """
import bourne as beam
from bourne import Create, Map

with beam.Pipeline() as p:
    (p
     | Create([3, 1, 2])
     | beam.WindowInto(beam.window.GlobalWindows())
     | beam.combiners.Top.Largest(2)
     | Map(print))
assert sorted([1, 2] | beam.Map(lambda x: x + 1)) == [2, 3]
space = {}
exec('from bourne import *', space)
assert space['Distinct'] is beam.Distinct
"""
    assert python(program) == '[3, 2]\n'


def test_what_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError) as caught:
        bourne.PipelineVisitor  # noqa: B018
    assert "bourne does not have 'PipelineVisitor' of apache_beam yet" in str(caught.value)
    with pytest.raises(ImportError, match="cannot import name 'Pipelin'"):
        exec('from bourne import Pipelin')
    with pytest.raises(AttributeError, match="module 'bourne' has no attribute '_private'"):
        bourne._private  # noqa: B018


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    assert bourne.__version__ == project['version'] == beam.__version__ == beam.version.__version__


def test_nothing_slow_is_imported() -> None:
    program = """
import sys
before = set(sys.modules)
import bourne
print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))
"""
    imported = set(python(program).split())
    libraries = {name for name in imported if name not in sys.stdlib_module_names and not name.startswith('_')}
    assert libraries == {'attr', 'attrs', 'bourne', 'cloudpickle'}
    assert not imported & {'argparse', 'asyncio', 'concurrent', 'csv', 'decimal', 'difflib', 'email', 'glob', 'http',
                           'multiprocessing', 'socket', 'ssl', 'statistics', 'subprocess', 'unittest', 'xml'}


def test_what_every_pipeline_needs_is_imported_with_the_package() -> None:
    program = """
import sys
import bourne as beam
before = set(sys.modules)
with beam.Pipeline() as p:
    p | beam.Create([('a', 1)]) | beam.CombinePerKey(sum) | beam.Map(lambda x: x)
print(*sorted(set(sys.modules) - before))
"""
    assert python(program).split() == []
