"""What the repository says about itself: commands, links, versions, dependencies, nothing of one machine."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.layering import read_tree

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md')])


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_of(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in one of the languages."""
    blocks = re.findall(r'^```(\w*)\n(.*?)^```$', page.read_text(encoding='utf-8'), re.MULTILINE | re.DOTALL)
    return [code for language, code in blocks if language in languages]


def without_code(text: str) -> str:
    """A page's text without fenced blocks and code spans."""
    return re.sub(r'`[^`\n]+`', '', re.sub(r'^```.*?^```$', '', text, flags=re.MULTILINE | re.DOTALL))


def tracked_files() -> list[Path]:
    """All files that are, or would be, committed."""
    listing = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                             cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip('not a git checkout')
    return [ROOT / name for name in listing.stdout.split('\0') if name and (ROOT / name).is_file()]


def test_ci_runs_what_everyone_runs() -> None:
    script = ROOT / '.ci' / 'run'
    lines = script.read_text(encoding='utf-8').splitlines()
    commands = [line for line in lines if not line.startswith('#')]
    assert commands == ['set -euo pipefail', 'cd "$(dirname "$0")/.."', 'make test']
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_commands_of_the_documentation_exist(page: Path) -> None:
    text = page.read_text(encoding='utf-8')
    named = {*re.findall(r'`(?:\w+=\S+ )?make ([a-z-]+)', text)}
    for block in code_of(page, 'sh'):
        named.update(re.findall(r'^make ([a-z-]+)', block, re.MULTILINE))
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE))
    assert named <= targets
    if page.name == 'README.md':
        assert {'run', 'test'} <= named


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r'\]\(([^)\s]+)\)', without_code(page.read_text(encoding='utf-8'))):
        path, _, anchor = link.partition('#')
        if re.match(r'\w+:', link):
            continue
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r'^#+ (.+)$', page.read_text(encoding='utf-8'), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('page', PAGES, ids=relative)
def test_files_of_the_documentation_exist(page: Path) -> None:
    text = page.read_text(encoding='utf-8')
    spans = re.findall(r'`((?:bourne|tests|docs|examples|benchmarks)/[\w./-]*)`', text)
    assert not [span for span in spans if not (ROOT / span).exists()]


def test_the_first_pipeline_of_the_readme_runs(tmp_path: Path) -> None:
    [program] = code_of(ROOT / 'README.md', 'python')
    path = tmp_path / 'first.py'
    path.write_text(program, encoding='utf-8')
    output = subprocess.check_output([sys.executable, path], text=True, cwd=tmp_path)
    assert sorted(output.splitlines()) == [
        'be: 2', 'is: 1', 'not: 1', 'or: 1', 'question: 1', 'that: 1', 'the: 1', 'to: 2']


def test_nothing_of_one_machine_is_committed() -> None:
    machine = re.compile(r'/(?:work|root)/|/(?:home|Users)/\w|/opt/\w|/tmp/(?:bm|bash_jobs)\b')
    registry = re.compile(r'pypi\.org|pythonhosted\.org|index[-_]url|find[-_]links|trusted[-_]host', re.I)
    found = []
    for path in tracked_files():
        text = path.read_bytes().decode('utf-8', errors='replace')
        for number, line in enumerate(text.splitlines(), 1):
            if machine.search(line) or registry.search(line):
                found.append(f'{relative(path)}:{number}: {line.strip()[:100]}')
    assert not found, '\n'.join(['', *found])


def test_the_changelog_has_the_version() -> None:
    newest = re.search(r'^## \[(.+?)\]', (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8'), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT['version']


def test_the_license_is_the_one_named() -> None:
    assert PROJECT['license'] == 'Apache-2.0'
    head = (ROOT / 'LICENSE').read_text(encoding='utf-8').split(maxsplit=5)[:5]
    assert head == ['Apache', 'License', 'Version', '2.0,', 'January']


def test_every_package_is_a_package() -> None:
    directories = {path.parent for path in (ROOT / 'bourne').rglob('*.py')}
    assert not [relative(path) for path in directories if not (path / '__init__.py').exists()]
    assert (ROOT / 'bourne' / 'py.typed').exists()


def test_entry_points_resolve() -> None:
    targets = [*PROJECT['scripts'].values()]
    for group in PROJECT['entry-points'].values():
        targets.extend(group.values())
    for target in targets:
        module, _, name = target.partition(':')
        assert callable(getattr(importlib.import_module(module), name)), target


def declared() -> dict[str, set[str]]:
    """The importable names that the project declares, core and per extra."""
    groups = {'core': PROJECT['dependencies'], **PROJECT['optional-dependencies']}
    return {group: {name for requirement in requirements for name in re.findall(r'[a-z][a-z-]*', requirement)}
            for group, requirements in groups.items()}


def test_every_dependency_is_justified() -> None:
    text = (ROOT / 'docs' / 'dependencies.md').read_text(encoding='utf-8')
    rows = ' '.join(re.findall(r'^\|.*', text, re.MULTILINE))
    assert not {name for names in declared().values() for name in names} - set(re.findall(r'[\w-]+', rows))


def test_only_declared_libraries_are_imported() -> None:
    names = declared()
    wanted = names['core'] | names['zstd'] | names['shuffle'] | names['hypothesis']
    known = wanted | sys.stdlib_module_names | {'bourne'}
    tree = read_tree(ROOT)
    assert not sorted({f'{tree.where(found)}: {found.target}' for found in tree.imports
                       if found.target.partition('.')[0] not in known})
