"""The documentation's Python blocks run, and print what stands below them."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / 'docs'
PAGES = [DOCS / f'{name}.md' for name in ('programming-guide', 'triggers', 'streams', 'state', 'beam', 'keys', 'dask')]


def blocks(page: Path) -> Iterator[tuple[int, str, str | None]]:
    """Line, source and expected output of each Python block of a page."""
    text = page.read_text(encoding='utf-8')
    fenced = re.compile(r'^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?', re.MULTILINE | re.DOTALL)
    for found in fenced.finditer(text):
        yield text.count('\n', 0, found.start()) + 2, found[1], found[2]


def lines_of(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Functions of the main program are pickled by value; those of a page are neither in a module nor there.
    main = types.ModuleType('__main__')
    monkeypatch.setitem(sys.modules, '__main__', main)
    for line, source, expected in blocks(page):
        code = compile('\n' * (line - 1) + source, str(page), 'exec')
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(code, vars(main))
        if expected is not None:
            assert lines_of(output.getvalue()) == lines_of(expected), f'{page.name}:{line}'


def test_the_guide_has_blocks_with_outputs() -> None:
    assert sum(expected is not None for _, _, expected in blocks(PAGES[0])) > 15
