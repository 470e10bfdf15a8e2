"""Generated Python source: lines with the operator that each belongs to, compiled once per text."""

from __future__ import annotations

import linecache
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import NamedTuple


class Origin(NamedTuple):
    """What a line of generated source does.

    Attributes:
      op: the operator's number in its stage.
      element: an expression for the element at hand, over the function's local variables; ``''`` if there is none.
    """

    op: int
    element: str


def comment(text: str) -> str:
    """A comment to end a line with. Labels are the user's text: what could end the comment becomes a space."""
    plain = text if text.isprintable() else ''.join(letter if letter.isprintable() else ' ' for letter in text)
    return f'  # {plain}'


class Source:
    """Collects the lines of a function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.origins: list[Origin | None] = []
        self.depth = 0
        self.loops = 0

    def add(self, line: str, origin: Origin | None = None) -> None:
        """Appends a line at the present indentation."""
        self.lines.append(f'{"    " * self.depth}{line}')
        self.origins.append(origin)

    def add_all(self, lines: Iterable[str], names: Mapping[str, object], origin: Origin | None = None,
                note: str = '') -> None:
        """Appends lines, each a format string over ``names``; the first one ends in the note, a comment."""
        for line in lines:
            self.add(line.format_map(names) + note, origin)
            note = ''

    @contextmanager
    def block(self, line: str, origin: Origin | None = None) -> Iterator[None]:
        """A line that ends in a colon, and what stands below it."""
        self.add(line, origin)
        start = len(self.lines)
        loop = line.startswith(('for ', 'try'))
        self.depth += 1
        self.loops += loop
        yield
        if len(self.lines) == start:
            self.add('pass')
        self.loops -= loop
        self.depth -= 1

    def extend(self, other: Source) -> None:
        """Appends the lines of another source, indented as they are."""
        self.lines += other.lines
        self.origins += other.origins

    @property
    def text(self) -> str:
        """The whole source."""
        return '\n'.join(self.lines) + '\n'


@lru_cache(maxsize=512)
def compile_source(text: str) -> CodeType:
    """The module code of a source text that defines one function.

    Tracebacks show its lines, since ``linecache`` knows them as long as there is the function.
    """
    name = f'<bourne stage {zlib.crc32(text.encode()):08x}>'
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = compile(text, name, 'exec')
    weakref.finalize(function_of(module), linecache.cache.pop, name, None).atexit = False
    return module


def function_of(module: CodeType) -> CodeType:
    """The code of the function that a module's code defines."""
    return next(item for item in module.co_consts if isinstance(item, CodeType))
