"""Reads what an options class declares, and command lines by it.

An options class declares its options by calling ``add_argument`` on a parser. Most pipelines in tests and
notebooks have no flags: what is needed then is just names and defaults, which a small recorder in the place
of the parser collects in about a microsecond each. Whatever the recorder does not know is left to the real
parser; argparse is imported only then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from bourne.errors import OptionsError
from bourne.sdk.value_provider import RuntimeValueProvider, StaticValueProvider


class Declaring(Protocol):
    """A class that declares options on a parser."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None: ...


class Declared:
    """What options classes declare.

    Attributes:
      defaults: the default by the option's name.
      flags: the option's name by flag (``'--runner'``).
      required: a flag or the name of each option that must be given, by the option's name.
      positional: there are arguments without a flag.
    """

    __slots__ = ('defaults', 'flags', 'required', 'positional')

    def __init__(self) -> None:
        self.defaults: dict[str, Any] = {}
        self.flags: dict[str, str] = {}
        self.required: dict[str, str] = {}
        self.positional = False

    def add(self, name: str, default: Any, flags: Sequence[str], required: bool) -> None:
        self.defaults[name] = default
        self.flags.update(dict.fromkeys(flags, name))
        self.positional = self.positional or not flags
        if required:
            self.required[name] = flags[0] if flags else name

    def reads(self, arguments: Sequence[str]) -> bool:
        """False if none of the arguments of a command line can be for these options."""
        if not arguments or self.positional:
            return bool(arguments)
        given = {argument.partition('=')[0] for argument in arguments}
        # Short flags may stand together, or with their value, in one argument.
        short = tuple(flag for flag in self.flags if not flag.startswith('--'))
        return not given.isdisjoint(self.flags) or (
            bool(short) and any(flag[:1] == '-' and flag[:2] != '--' for flag in given))


class _NeedsParserError(Exception):
    """The declaration uses more of argparse than the recorder knows."""


#: What argparse takes as the default when none is given.
_IMPLIED = {'store_true': False, 'store_false': True}
#: Further keyword arguments: all but the default do not matter while there are no flags.
_KNOWN = frozenset({'choices', 'const', 'default', 'help', 'metavar', 'nargs'})
_SUPPRESS = '==SUPPRESS=='


class _Recorder:
    """Takes the place of the parser while there are no flags: keeps names and defaults."""

    def __init__(self) -> None:
        self.declared = Declared()

    def add_argument(self, *flags: str, action: Any = 'store', dest: str | None = None,
                     required: bool = False, type: Any = None, **more: Any) -> None:
        if (not flags or not all(flag.startswith('-') for flag in flags) or not isinstance(action, str)
                or action in ('help', 'version') or not _KNOWN.issuperset(more)):
            raise _NeedsParserError
        default = more['default'] if 'default' in more else _IMPLIED.get(action)
        if isinstance(default, str) and (default == _SUPPRESS or type not in (None, str)):
            raise _NeedsParserError
        self.declared.add(dest or _name_of(flags), default, flags, required)

    def add_value_provider_argument(self, *flags: str, **options: Any) -> None:
        self.add_argument(*flags, **_provided(flags, options))

    def add_argument_group(self, *_: Any, **__: Any) -> _Recorder:
        return self

    def __getattr__(self, name: str) -> Any:
        raise _NeedsParserError


def _name_of(flags: Sequence[str]) -> str:
    return name_of(next((flag for flag in flags if flag.startswith('--')), flags[0]))


def _provided(flags: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """Rewrites arguments of ``add_argument`` so that the value is a provider, known now or at run time."""
    if not flags or not flags[0]:
        raise OptionsError('add_value_provider_argument needs the name of the option')
    value_type = options.get('type') or str
    positional = not flags[0].startswith('-')

    def given(text: str) -> StaticValueProvider[Any]:
        return StaticValueProvider(value_type, text)

    given.__name__ = getattr(value_type, '__name__', 'value')
    name = flags[0] if positional else options.get('dest') or _name_of(flags)
    default = RuntimeValueProvider(name, value_type, options.get('default'))
    return {**options, 'type': given, 'default': default} | ({'nargs': '?'} if positional else {})


@functools.cache
def _parser_class() -> Any:
    import argparse

    class Parser(argparse.ArgumentParser):
        """Never exits: what it cannot read is an ``OptionsError``."""

        def __init__(self, **options: Any) -> None:
            # "resolve": the flag of a derived class takes the place of the same flag of its base class.
            super().__init__(usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False,
                             conflict_handler='resolve', **options)
            self.register('action', 'comma_list', CommaList)

        def add_value_provider_argument(self, *flags: str, **options: Any) -> None:
            """As ``add_argument``; the value is a ``ValueProvider``."""
            self.add_argument(*flags, **_provided(flags, options))

        def error(self, message: str) -> Any:
            raise OptionsError(f'cannot read the pipeline options: {message}')

    class CommaList(argparse.Action):
        """Appends each part of ``a,b`` to a list."""

        def __call__(self, parser: Any, namespace: Any, values: Any, flag: str | None = None) -> None:
            setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), *split_commas(values)])

    return Parser


def split_commas(text: str) -> list[str]:
    """Splits ``a,b`` at the commas, but not a value with its own assignments: ``a,k=x=1,y=2`` are ``a`` and
    ``k=x=1,y=2``."""
    parts: list[str] = []
    for part in text.split(','):
        if parts and parts[-1].count('=') > 1:
            parts[-1] += ',' + part
        else:
            parts.append(part.strip())
    return [part for part in parts if part]


def _parser(classes: Iterable[Declaring], **options: Any) -> Any:
    parser = _parser_class()(**options)
    for cls in classes:
        cls._add_argparse_args(parser)
    return parser


def declare(classes: Sequence[Declaring]) -> Declared:
    """The options of some classes together.

    Args:
      classes: a base class before those derived from it: a later declaration replaces an earlier one.
    """
    recorder = _Recorder()
    try:
        for cls in classes:
            cls._add_argparse_args(recorder)
    except _NeedsParserError:
        return _declared_by(_parser(classes))
    return recorder.declared


def _declared_by(parser: Any) -> Declared:
    """What an argparse parser declares, defaults converted as argparse does it."""
    declared = Declared()
    for action in parser._actions:
        if not (isinstance(action.default, str) and action.default == _SUPPRESS) and action.dest != _SUPPRESS:
            declared.add(action.dest, None, action.option_strings, action.required)
    values = vars(_relaxed(parser).parse_args([]))
    declared.defaults = {name: values.get(name) for name in declared.defaults}
    return declared


def _relaxed(parser: Any) -> Any:
    """Lets options be missing: a view tells what it requires; a class that nobody views requires nothing."""
    for part in (*parser._actions, *parser._mutually_exclusive_groups):
        part.required = False
    return parser


def parse(classes: Sequence[Declaring], flags: Sequence[str], more: Callable[[Any], None] | None = None,
          ) -> tuple[dict[str, Any], list[str]]:
    """Reads flags by what some classes declare. Options that are required may be missing.

    Args:
      classes: as for :func:`declare`.
      flags: the command line.
      more: declares further options on the parser.

    Returns:
      The values by name, and the arguments that no class knows, in order.

    Raises:
      OptionsError: if the value of an option cannot be read.
    """
    parser = _parser(classes)
    if more is not None:
        more(parser)
    values, unknown = _relaxed(parser).parse_known_args(list(flags))
    return vars(values), [argument for argument in unknown if argument != '--']


def name_of(flag: str) -> str:
    """The name that argparse gives to the option of a flag."""
    return flag.lstrip('-').replace('-', '_')


def split_unknown(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Sorts arguments that no class knows into options, each with the value that follows it, and others."""
    options: list[str] = []
    others: list[str] = []
    for argument, previous in zip(arguments, ['', *arguments]):
        if argument.startswith('-') and argument != '-':
            options.append(argument)
        elif previous.startswith('-') and '=' not in previous:
            options[-1] += f' {argument}'
        else:
            others.append(argument)
    return options, others


def retained(unknown: Sequence[str]) -> dict[str, Any]:
    """Unknown arguments by name: ``--a=b`` and ``--a b`` are text, ``--a`` is True, ``-a b`` is left out."""
    found: dict[str, Any] = {}
    for argument, following in zip(unknown, [*unknown[1:], '-']):
        flag, equals, text = argument.partition('=')
        if not argument.startswith('-'):
            continue
        if equals:
            found[name_of(flag)] = text
        elif following.startswith('-'):
            found[name_of(flag)] = True
        elif flag.startswith('--'):
            found[name_of(flag)] = following
    return found


def as_flags(name: str, value: Any, declared: Declared) -> list[str]:
    """The flags that give an option a value: none for None and False, one for each item of a list."""
    import json

    flag = f'--{name}'
    if flag not in declared.flags:
        flag = next((known for known, option in declared.flags.items() if option == name), flag)
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, (list, tuple)):
        return [f'{flag}={item}' for item in value]
    return [f'{flag}={json.dumps(value) if isinstance(value, dict) else value}']


def help_text(classes: Sequence[Declaring]) -> str:
    """A paragraph for each class, with its options and what they do."""
    parts = []
    for cls in classes:
        summary = (getattr(cls, '__doc__', None) or '').partition('\n')[0]
        title = f'{getattr(cls, "__name__", cls)}: {summary}'.rstrip(': ')
        parts.append(_parser([cls], description=title).format_help())
    return '\n'.join(parts)
