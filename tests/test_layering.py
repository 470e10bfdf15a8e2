"""Layering is a rule with a test: who may import whom, when, and how much ``import bourne`` costs."""

from __future__ import annotations

import json
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
    # Compared with what was there before: site-packages may hold .pth files that import things in every process.
    script = f'import json, sys; old = {{*sys.modules}}; {statement}; print(json.dumps([*({{*sys.modules}} - old)]))'
    done = subprocess.run([sys.executable, '-c', script], check=True, capture_output=True, text=True, cwd=ROOT)
    loaded = {name.partition('.')[0] for name in json.loads(done.stdout)}
    assert 'bourne' in loaded
    assert not loaded & (HEAVY | {'asyncio', 'concurrent', 'unittest'})


GOOD = {
    'bourne/__init__.py': 'def __getattr__(name):\n    from bourne.sdk import pipeline\n',
    'bourne/errors.py': '',
    'bourne/cli.py': 'import argparse\nfrom bourne.runners import local\ndef main():\n    import bourne.io.text\n',
    'bourne/beam.py': 'def __getattr__(name):\n    import bourne.sdk.pipeline\n',
    'bourne/sdk/__init__.py': '',
    'bourne/sdk/model/__init__.py': 'from bourne.sdk.model.time import Time\n',
    'bourne/sdk/model/time.py': 'from bourne.errors import E\n',
    'bourne/sdk/graph/__init__.py': '',
    'bourne/sdk/graph/node.py': 'import attrs\nfrom bourne.sdk.model import time\n',
    'bourne/sdk/pcollection.py': 'from typing import TYPE_CHECKING\n'
                                 'if TYPE_CHECKING:\n    import pandas\n    from bourne.sdk.pipeline import Pipeline\n',
    'bourne/sdk/pipeline.py': 'from bourne.sdk import pcollection\nfrom bourne.sdk.graph.node import Node\n',
    'bourne/engine/__init__.py': '',
    'bourne/engine/plan.py': 'from bourne.sdk.graph import node\n',
    'bourne/runners/__init__.py': '',
    'bourne/runners/local/__init__.py': 'from bourne.engine.plan import Plan\nfrom bourne.runners.local import pool\n',
    'bourne/runners/local/pool.py': 'def start():\n    import multiprocess\n',
    'bourne/runners/dask/__init__.py': 'import distributed\nimport dask.array\n',
    'bourne/io/__init__.py': '',
    'bourne/io/text.py': 'from bourne.sdk.pipeline import Pipeline\ndef glob():\n    import fsspec\n',
}


def check(root: Path, changes: dict[str, str]) -> list[str]:
    """The problems of a small package that keeps every rule, after ``changes``, with ``root`` cut from them."""
    for name, source in (GOOD | changes).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return [message.replace(f'{root}/', '') for message in problems(read_tree(root))]


def test_the_checker_accepts_the_right_arrows(tmp_path: Path) -> None:
    assert check(tmp_path, {}) == []


@pytest.mark.parametrize(('module', 'source', 'expected'), [
    ('errors', 'import bourne.sdk.model.time', 'bourne.errors imports bourne.sdk.model.time'),
    ('sdk/model/time', 'import bourne.sdk.graph.node', 'bourne.sdk.model.time imports bourne.sdk.graph.node'),
    ('sdk/graph/node', 'from bourne.sdk import pipeline', 'bourne.sdk.graph.node imports bourne.sdk.pipeline'),
    ('sdk/graph/node', 'from .. import pipeline', 'bourne.sdk.graph.node imports bourne.sdk.pipeline'),
    ('sdk/pipeline', 'import bourne.engine.plan', 'bourne.sdk.pipeline imports bourne.engine.plan'),
    ('sdk/pipeline', 'import bourne.io.text', 'bourne.sdk.pipeline imports bourne.io.text'),
    ('sdk/pipeline', 'import bourne', 'bourne.sdk.pipeline imports bourne;'),
    ('engine/plan', 'from bourne.sdk.pipeline import Pipeline', 'bourne.engine.plan imports bourne.sdk.pipeline'),
    ('engine/plan', 'import bourne.runners.local', 'bourne.engine.plan imports bourne.runners.local'),
    ('runners/local/pool', 'import bourne.runners.dask', 'bourne.runners.local.pool imports bourne.runners.dask'),
    ('runners/local/pool', 'import bourne.sdk.pipeline', 'bourne.runners.local.pool imports bourne.sdk.pipeline'),
    ('runners/local/pool', 'import bourne.io.text', 'bourne.runners.local.pool imports bourne.io.text'),
    ('runners/dask/__init__', 'import bourne.cli', 'bourne.runners.dask imports bourne.cli'),
    ('io/text', 'import bourne.engine.plan', 'bourne.io.text imports bourne.engine.plan'),
    ('io/text', 'def f():\n    import bourne.runners.local', 'bourne.io.text imports bourne.runners.local'),
    ('io/text', 'from importlib import import_module\nimport_module("bourne.engine.plan")',
     'bourne.io.text imports bourne.engine.plan'),
    ('io/text', 'if TYPE_CHECKING:\n    import bourne.engine.plan', 'bourne.io.text imports bourne.engine.plan'),
    ('sdk/__init__', 'from bourne.sdk.pipeline import Pipeline', 'bourne.sdk holds several layers'),
    ('stray', '', 'bourne.stray is in no layer'),
])
def test_the_checker_refuses_a_wrong_arrow(tmp_path: Path, module: str, source: str, expected: str) -> None:
    found = check(tmp_path, {f'bourne/{module}.py': source})
    assert any(f'bourne/{module}.py:' in message and expected in message for message in found), found


@pytest.mark.parametrize(('module', 'source'), [
    ('sdk/pipeline', 'def f():\n    from bourne.sdk import pcollection'),
    ('sdk/pipeline', 'class A:\n  def f(self):\n    if self:\n      import bourne.sdk.pcollection'),
    ('sdk/pipeline', 'import importlib\ndef f():\n    importlib.import_module("bourne.sdk.pcollection")'),
    ('__init__', 'def f():\n    import bourne.sdk.pipeline'),
])
def test_the_checker_refuses_a_hidden_import(tmp_path: Path, module: str, source: str) -> None:
    [message] = check(tmp_path, {f'bourne/{module}.py': source})
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
    [message] = check(tmp_path, {f'bourne/{module}.py': source})
    assert f'imports {library} at module level' in message


def test_the_checker_refuses_a_cycle(tmp_path: Path) -> None:
    found = check(tmp_path, {
        'bourne/engine/plan.py': 'from bourne.engine import stage',
        'bourne/engine/stage.py': 'import bourne.engine.fuse',
        'bourne/engine/fuse.py': 'from bourne.engine.plan import Plan',
    })
    cycle = ' -> '.join(f'bourne.engine.{name}' for name in ('fuse', 'plan', 'stage', 'fuse'))
    assert found == [f'import cycle: {cycle}']
