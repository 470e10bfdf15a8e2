"""Layering is a rule with a test: who may import whom, when, and how much ``import bourne`` costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.layering import HEAVY, problems, read_tree

ROOT = Path(__file__).resolve().parent.parent


def test_the_package_keeps_its_layers() -> None:
    found = problems(read_tree(ROOT))
    assert not found, '\n'.join(['', *found])


@pytest.mark.parametrize('statement', [
    'import bourne',
    'import bourne; [getattr(bourne, name) for name in getattr(bourne, "__all__", ())]',
], ids=['import', 'every public name'])
def test_import_is_light(statement: str) -> None:
    # Compared with what was there before: .pth files in site-packages may import things in every process.
    script = f'import sys; old = {{*sys.modules}}; {statement}; print(*({{*sys.modules}} - old))'
    output = subprocess.check_output([sys.executable, '-c', script], text=True, cwd=ROOT)
    loaded = {name.partition('.')[0] for name in output.split()}
    assert 'bourne' in loaded
    assert not loaded & (HEAVY | {'asyncio', 'concurrent', 'unittest'})


#: A small package that keeps every rule: the statements of each module.
GOOD = {
    '__init__': ('def __getattr__(name):', '    from bourne.sdk import pipeline'),
    'errors': (),
    'cli': ('import argparse', 'from bourne.runners import local', 'def f():', '    import bourne.io.text'),
    'beam': ('def __getattr__(name):', '    import bourne.sdk.pipeline'),
    'sdk/__init__': (),
    'sdk/model/__init__': ('from bourne.sdk.model.time import Time',),
    'sdk/model/time': ('from bourne.errors import E',),
    'sdk/graph/__init__': (),
    'sdk/graph/node': ('import attrs', 'from bourne.sdk.model import time'),
    'sdk/pcollection': ('from typing import TYPE_CHECKING', 'if TYPE_CHECKING:', '    import pandas',
                        '    from bourne.sdk.pipeline import Pipeline'),
    'sdk/pipeline': ('from bourne.sdk import pcollection', 'from bourne.sdk.graph.node import Node'),
    'sdk/runner': (),
    'engine/__init__': (),
    'engine/plan': ('from bourne.sdk.graph import node',),
    'runners/__init__': (),
    'runners/local/__init__': ('from bourne.engine import plan', 'from bourne.runners.local import pool'),
    'runners/local/pool': ('import bourne.sdk.runner', 'def f():', '    import multiprocess'),
    'runners/dask/__init__': ('import distributed', 'import dask.array'),
    'io/__init__': (),
    'io/text': ('from bourne.sdk.pipeline import Pipeline', 'def glob():', '    import fsspec'),
}


def check(root: Path, changes: dict[str, str]) -> list[str]:
    """The problems of ``GOOD`` with some modules replaced, with ``root`` cut from the messages."""
    for name, source in ({name: '\n'.join(lines) for name, lines in GOOD.items()} | changes).items():
        path = root / 'bourne' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return [message.replace(f'{root}/', '') for message in problems(read_tree(root))]


def test_the_checker_accepts_the_right_arrows(tmp_path: Path) -> None:
    assert check(tmp_path, {}) == []


@pytest.mark.parametrize(('module', 'source', 'target'), [
    ('errors', 'import bourne.sdk.model.time', 'sdk.model.time'),
    ('sdk/model/time', 'from bourne.sdk.graph.node import Node', 'sdk.graph.node'),
    ('sdk/graph/node', 'from bourne.sdk import pipeline', 'sdk.pipeline'),
    ('sdk/graph/node', 'from .. import pipeline', 'sdk.pipeline'),
    ('sdk/pipeline', 'import bourne.engine.plan', 'engine.plan'),
    ('sdk/pipeline', 'import bourne.io.text', 'io.text'),
    ('sdk/pipeline', 'import bourne.cli', 'cli'),
    ('engine/plan', 'from bourne.sdk.pipeline import Pipeline', 'sdk.pipeline'),
    ('engine/plan', 'import bourne.sdk.runner', 'sdk.runner'),
    ('engine/plan', 'import bourne.runners.local', 'runners.local'),
    ('runners/local/pool', 'import bourne.runners.dask', 'runners.dask'),
    ('runners/local/pool', 'import bourne.sdk.pipeline', 'sdk.pipeline'),
    ('runners/local/pool', 'import bourne.io.text', 'io.text'),
    ('io/text', 'import bourne.engine.plan', 'engine.plan'),
    ('io/text', 'def f():\n    import bourne.runners.local', 'runners.local'),
    ('io/text', 'import importlib\nimportlib.import_module("bourne.engine.plan")', 'engine.plan'),
    ('io/text', 'if TYPE_CHECKING:\n    import bourne.engine.plan', 'engine.plan'),
])
def test_the_checker_refuses_a_wrong_arrow(tmp_path: Path, module: str, source: str, target: str) -> None:
    found = check(tmp_path, {module: source})
    arrow = f'bourne.{module.replace("/", ".")} imports bourne.{target};'
    assert any(message.startswith(f'bourne/{module}.py:') and arrow in message for message in found), found


@pytest.mark.parametrize(('module', 'source', 'expected'), [
    ('sdk/pipeline', 'from bourne import Map', 'bourne.sdk.pipeline imports bourne; bourne.sdk may import'),
    ('sdk/__init__', 'import bourne.errors', 'bourne.sdk imports bourne.errors; it holds several layers'),
    ('stray', '', 'bourne.stray is in no layer'),
])
def test_the_checker_refuses_odd_modules(tmp_path: Path, module: str, source: str, expected: str) -> None:
    [message] = check(tmp_path, {module: source})
    assert expected in message


@pytest.mark.parametrize(('module', 'source'), [
    ('sdk/pipeline', 'def f():\n    from bourne.sdk import pcollection'),
    ('sdk/pipeline', 'class A:\n  def f(self):\n    if self:\n      import bourne.sdk.pcollection'),
    ('sdk/pipeline', 'import importlib\ndef f():\n    importlib.import_module("bourne.sdk.pcollection")'),
    ('__init__', 'def f():\n    import bourne.sdk.pipeline'),
])
def test_the_checker_refuses_a_hidden_import(tmp_path: Path, module: str, source: str) -> None:
    [message] = check(tmp_path, {module: source})
    assert 'f() imports bourne.sdk.p' in message
    assert 'at the top of the module' in message


@pytest.mark.parametrize(('module', 'source', 'library'), [
    ('io/text', 'import fsspec.core', 'fsspec'),
    ('io/text', 'try:\n    from zstandard import open\nexcept ImportError:\n    pass', 'zstandard'),
    ('sdk/pipeline', 'class A:\n    import argparse', 'argparse'),
    ('engine/plan', 'import dask', 'dask'),
    ('runners/dask/__init__', 'import numpy', 'numpy'),
    ('cli', 'import rich', 'rich'),
])
def test_the_checker_refuses_a_heavy_import(tmp_path: Path, module: str, source: str, library: str) -> None:
    [message] = check(tmp_path, {module: source})
    assert f'imports {library} at module level' in message


def test_the_checker_refuses_a_cycle(tmp_path: Path) -> None:
    found = check(tmp_path, {
        'engine/plan': 'from bourne.engine import stage',
        'engine/stage': 'import bourne.engine.fuse',
        'engine/fuse': 'from bourne.engine.plan import Plan',
    })
    cycle = ' -> '.join(f'bourne.engine.{name}' for name in ('fuse', 'plan', 'stage', 'fuse'))
    assert found == [f'import cycle: {cycle}']
