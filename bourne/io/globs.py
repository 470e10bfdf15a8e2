"""File patterns: what they mean, and the local files that match one.

===========  ====================================================
``*``        any characters but ``/``
``**``       any characters, also ``/``
``**/``      any number of directories, also none
``?``        one character but ``/``
``[abc]``    one of these; ``[a-z]`` a range; ``[!abc]`` none of these
===========  ====================================================

A special character stands for itself inside of brackets: ``[*]``. A bracket that is not closed before the
next ``/`` stands for itself too. Names that begin with a dot are matched like others; the temporary
directories of unfinished writes (:data:`HIDDEN`) never are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from bourne.errors import SourceError

#: What the names of directories begin with that hold output not yet committed.
HIDDEN = '.bourne-temp-'

_SPECIAL = re.compile(r'[*?[]')


def has_wildcard(pattern: str) -> bool:
    """True if the pattern can match more than the one file of its name."""
    return _SPECIAL.search(pattern) is not None


def fixed_directory(pattern: str) -> str:
    """The part before the first wildcard, cut after its last ``/``; empty if there is no ``/``."""
    found = _SPECIAL.search(pattern)
    return pattern[:pattern.rfind('/', 0, found.start() if found else len(pattern)) + 1]


def matcher(pattern: str) -> Callable[[str], object]:
    """A function that says whether a name matches a pattern.

    Raises:
      SourceError: if a range in the pattern ends before it begins.
    """
    try:
        return re.compile(translate(pattern)).fullmatch
    except re.error as error:
        raise SourceError(f'the pattern {pattern!r} is not valid: {error}') from error


def translate(pattern: str) -> str:
    """The regular expression (for ``fullmatch``) of a pattern."""
    result: list[str] = []
    at = 0
    while at < len(pattern):
        piece, at = _translate_at(pattern, at)
        result.append(piece)
    return '(?s:' + ''.join(result) + ')'


def _translate_at(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith('**', at):
        alone = at == 0 or pattern[at - 1] == '/'
        return (r'(?:.*/)?', at + 3) if alone and pattern.startswith('/', at + 2) else ('.*', at + 2)
    if pattern[at] == '*':
        return '[^/]*', at + 1
    if pattern[at] == '?':
        return '[^/]', at + 1
    if pattern[at] == '[':
        # A bracket right after the opening one, or after its '!', is a member of the set.
        end = pattern.find(']', at + 2 + pattern.startswith('!', at + 1))
        if end > 0 and '/' not in pattern[at:end]:
            return _translate_set(pattern[at + 1:end]), end + 1
    return re.escape(pattern[at]), at + 1


def _translate_set(members: str) -> str:
    negated = members.startswith('!')
    escaped = re.sub(r'([\\\[\]^&~|])', r'\\\1', members[negated:])
    return f'(?!/)[^{escaped}]' if negated else f'(?!/)[{escaped}]'


def local_files(pattern: str) -> Iterator[tuple[str, os.stat_result]]:
    """The local files that match, in no order, with their metadata. Links to files are followed.

    Files that vanish while they are listed, and directories that may not be read, are passed over.

    Args:
      pattern: a pattern with at least one wildcard.
    """
    directory = fixed_directory(pattern)
    rest = pattern[len(directory):]
    cut = 0 if directory else len('./')
    for entry in _descend(directory, rest.split('/')):
        try:
            if entry.is_file():
                yield entry.path[cut:], entry.stat()
        except OSError:
            continue


def _descend(directory: str, parts: list[str]) -> Iterator[os.DirEntry[str]]:
    if '**' in parts[0]:
        yield from _walk_matching(directory, '/'.join(parts))
        return
    matches = matcher(parts[0])
    for entry in _scan(directory):
        if matches(entry.name):
            if len(parts) == 1:
                yield entry
            elif entry.is_dir():
                yield from _descend(entry.path + '/', parts[1:])


def _walk_matching(directory: str, rest: str) -> Iterator[os.DirEntry[str]]:
    matches = matcher(rest)
    return (entry for entry, name in _walk(directory) if matches(name))


def _walk(directory: str, above: str = '') -> Iterator[tuple[os.DirEntry[str], str]]:
    for entry in _scan(directory):
        name = above + entry.name
        yield entry, name
        # Links to directories are not followed: they may lead back to where we are.
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path + '/', name + '/')


def _scan(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory or './') as entries:
            found = [entry for entry in entries if not entry.name.startswith(HIDDEN)]
    except OSError:
        return []
    return found
