"""``Regex``: regular expressions on elements that are text."""

from __future__ import annotations

import re
from typing import Any

from bourne.errors import TransformError
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.pardo import FlatMap, Map

Pattern = re.Pattern[str]
#: A group of a pattern, by number (0 is the whole match) or by name.
Group = int | str
Pair = tuple[str, str]

ALL = '__regex_all_groups'


def _matches(element: str, pattern: Pattern, group: Group) -> list[str]:
    found = pattern.match(element)
    return [found[group]] if found else []


def _all_matches(element: str, pattern: Pattern) -> list[list[str]]:
    found = pattern.match(element)
    return [[found[0], *found.groups()]] if found else []


def _matches_kv(element: str, pattern: Pattern, key: Group, value: Group) -> list[Pair]:
    found = pattern.match(element)
    return [(found[key], found[value])] if found else []


def _find(element: str, pattern: Pattern, group: Group) -> list[str]:
    found = pattern.search(element)
    return [found[group]] if found else []


def _find_all(element: str, pattern: Pattern, group: Group, empty: bool) -> list[str]:
    found = [match[group] for match in pattern.finditer(element)]
    return found if empty else list(filter(None, found))


def _find_all_groups(element: str, pattern: Pattern, empty: bool) -> list[tuple[str, ...]]:
    return [(match[0], *match.groups()) for match in pattern.finditer(element)
            if empty or any(match.groups() or (match[0],))]


def _find_kv(element: str, pattern: Pattern, key: Group, value: Group) -> list[Pair]:
    return [(match[key], match[value]) for match in pattern.finditer(element)]


def _replace(element: str, pattern: Pattern, replacement: str, count: int) -> str:
    return pattern.sub(replacement, element, count=count)


def _split(element: str, pattern: Pattern, empty: bool) -> list[str]:
    parts = pattern.split(element)
    return parts if empty else list(filter(None, parts))


def _compiled(name: str, regex: str | Pattern, *groups: Any) -> Pattern:
    """The compiled pattern.

    Raises:
      TransformError: if it is not a regular expression for text, or has no such group.
    """
    try:
        pattern = re.compile(regex)
    except (re.error, TypeError) as error:
        raise TransformError(f'Regex.{name}: {regex!r} is not a regular expression: {error}') from None
    if not isinstance(pattern.pattern, str):
        raise TransformError(f'Regex.{name} works on text, and {regex!r} is a regular expression for bytes')
    for group in groups:
        if group not in pattern.groupindex and group not in range(pattern.groups + 1):
            raise TransformError(f'Regex.{name}: the regular expression {pattern.pattern!r} has no group {group!r}')
    return pattern


class Regex:
    """Transforms of elements that are text, by regular expressions as in the module ``re``, given as text or compiled.

    Groups are given by number or name; 0 is the whole match. A group that took no part in a match is ``None``.
    """

    #: For ``find_all``: all groups.
    ALL = ALL

    @staticmethod
    def matches(regex: str | Pattern, group: Group = 0) -> PTransform:
        """Of elements that match from their begin, a group of the match. End the pattern with ``$`` to match all of it.

        Args:
          regex: the regular expression.
          group: which group.
        """
        return 'Regex.matches' >> FlatMap(_matches, _compiled('matches', regex, group), group)

    @staticmethod
    def all_matches(regex: str | Pattern) -> PTransform:
        """Of elements that match from their begin, a list of the whole match and all groups.

        Args:
          regex: the regular expression.
        """
        return 'Regex.all_matches' >> FlatMap(_all_matches, _compiled('all_matches', regex))

    @staticmethod
    def matches_kv(regex: str | Pattern, keyGroup: Group, valueGroup: Group = 0) -> PTransform:
        """Of elements that match from their begin, a pair of two groups of the match.

        Args:
          regex: the regular expression.
          keyGroup: which group is the key.
          valueGroup: which group is the value.
        """
        pattern = _compiled('matches_kv', regex, keyGroup, valueGroup)
        return 'Regex.matches_kv' >> FlatMap(_matches_kv, pattern, keyGroup, valueGroup)

    @staticmethod
    def find(regex: str | Pattern, group: Group = 0) -> PTransform:
        """Of elements with a match anywhere, a group of the first one.

        Args:
          regex: the regular expression.
          group: which group.
        """
        return 'Regex.find' >> FlatMap(_find, _compiled('find', regex, group), group)

    @staticmethod
    def find_all(regex: str | Pattern, group: Group = 0, outputEmpty: bool = True) -> PTransform:
        """Of every element, a list of a group of each match in it.

        Args:
          regex: the regular expression.
          group: which group. With ``Regex.ALL`` the list holds tuples of the whole match and all groups.
          outputEmpty: keep groups that are empty; of ``Regex.ALL``, matches whose groups are all empty.
        """
        if group == ALL:
            return 'Regex.find_all' >> Map(_find_all_groups, _compiled('find_all', regex), bool(outputEmpty))
        return 'Regex.find_all' >> Map(_find_all, _compiled('find_all', regex, group), group, bool(outputEmpty))

    @staticmethod
    def find_kv(regex: str | Pattern, keyGroup: Group, valueGroup: Group = 0) -> PTransform:
        """A pair of two groups of each match in an element.

        Args:
          regex: the regular expression.
          keyGroup: which group is the key.
          valueGroup: which group is the value.
        """
        pattern = _compiled('find_kv', regex, keyGroup, valueGroup)
        return 'Regex.find_kv' >> FlatMap(_find_kv, pattern, keyGroup, valueGroup)

    @staticmethod
    def replace_all(regex: str | Pattern, replacement: str) -> PTransform:
        """Each element with all matches replaced.

        Args:
          regex: the regular expression.
          replacement: what stands in their place; ``\\1`` or ``\\g<name>`` in it is a group.
        """
        return 'Regex.replace_all' >> Map(_replace, _compiled('replace_all', regex), replacement, 0)

    @staticmethod
    def replace_first(regex: str | Pattern, replacement: str) -> PTransform:
        """Each element with the first match replaced.

        Args:
          regex: the regular expression.
          replacement: what stands in its place; ``\\1`` or ``\\g<name>`` in it is a group.
        """
        return 'Regex.replace_first' >> Map(_replace, _compiled('replace_first', regex), replacement, 1)

    @staticmethod
    def split(regex: str | Pattern, outputEmpty: bool = False) -> PTransform:
        """A list of what is between the matches in each element.

        Args:
          regex: the regular expression.
          outputEmpty: keep what is empty.
        """
        return 'Regex.split' >> Map(_split, _compiled('split', regex), bool(outputEmpty))
