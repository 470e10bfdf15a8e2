"""A set of paths that keeps its size: where there are too many, they are summed up by a common prefix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bourne.errors import TransformError

#: How many paths a trie holds before it sums up, as in Beam.
DEFAULT_BOUND = 100

# Children by segment. Empty: the end of a path. None: anything may follow.
Node = dict[str, Any]


class BoundedTrie:
    """Paths of text segments, such as the parts of file names, at most ``bound`` of them.

    When there are more, the node whose children are all ends, and which is reached by going to the child with
    the most paths each time (of several, the one first in order), is cut: its paths become its own path with
    "anything may follow".

    Guarantees, for any order of additions and merges: every path added is covered (:meth:`contains`), and
    there are at most ``bound`` paths. As long as nothing is cut, it is exactly the set of paths added, save
    that one which is a prefix of another is covered by that.

    Args:
      bound: the most paths, at least 1.
    """

    __slots__ = ('bound', 'root')

    def __init__(self, bound: int = DEFAULT_BOUND) -> None:
        self.bound = bound
        self.root: Node | None = {}

    def add(self, segments: Sequence[str]) -> None:
        """Adds a path.

        Raises:
          TransformError: if it is not a sequence of strings (one string is not), or empty.
        """
        if isinstance(segments, str) or not segments or not all(isinstance(part, str) for part in segments):
            raise TransformError(f'a bounded trie takes a path as a tuple of strings, got {segments!r} '
                                 f'({type(segments).__name__})')
        if _insert(self.root, segments):
            self._trim()

    def contains(self, segments: Sequence[str]) -> bool:
        """True if the path, one that it is a prefix of, or a cut prefix of it, is there."""
        node = self.root
        for part in segments:
            if node is None:
                return True
            if part not in node:
                return False
            node = node[part]
        return True

    def merge(self, other: BoundedTrie) -> None:
        """Adds the paths of another trie, which stays as it is; the smaller bound holds."""
        self.bound = min(self.bound, other.bound)
        self.root = _union(self.root, other.root)
        self._trim()

    def size(self) -> int:
        """The number of paths, a cut one counting as one."""
        return _size(self.root) if self.root != {} else 0

    def flattened(self) -> Iterator[tuple[str | bool, ...]]:
        """Each path in order: its segments, and True at its end if anything may follow there, else False."""
        return _paths(self.root, ()) if self.root != {} else iter(())

    def copy(self) -> BoundedTrie:
        """An independent copy."""
        found = BoundedTrie(self.bound)
        found.root = _union({}, self.root)
        return found

    def _trim(self) -> None:
        size = _size(self.root)
        while size > self.bound:
            self.root, gone = _cut(self.root)
            size -= gone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundedTrie) and self.root == other.root

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return self.size()

    def __bool__(self) -> bool:
        return self.root != {}

    def __repr__(self) -> str:
        shown = (''.join(map(str, path[:-1])) + '*' * bool(path[-1]) for path in self.flattened())
        return f'{{{", ".join(shown)}}}'


def _insert(node: Node | None, segments: Sequence[str]) -> bool:
    """Adds a path below ``node``; True if it was not covered."""
    new = False
    for part in segments:
        if node is None:
            return False
        new = new or part not in node
        node = node.setdefault(part, {})
    return new


def _size(node: Node | None) -> int:
    return sum(map(_size, node.values())) if node else 1


def _paths(node: Node | None, prefix: tuple[str, ...]) -> Iterator[tuple[str | bool, ...]]:
    if not node:
        yield (*prefix, node is None)
        return
    for part in sorted(node):
        yield from _paths(node[part], (*prefix, part))


def _union(one: Node | None, other: Node | None) -> Node | None:
    """A node that shares nothing with either."""
    if one is None or other is None:
        return None
    return {part: _union(one.get(part, {}), other.get(part, {})) for part in one | other}


def _cut(node: Node | None) -> tuple[Node | None, int]:
    """The node with its largest group of ends cut, and the number of paths that this saves."""
    assert node, 'an end is never cut: it is one path'
    sizes = {part: _size(child) for part, child in node.items()}
    most = max(sizes.values())
    if most == 1:
        return None, len(node) - 1
    part = min(part for part, size in sizes.items() if size == most)
    child, saved = _cut(node[part])
    return {**node, part: child}, saved
