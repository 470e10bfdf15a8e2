"""``PipelineOptions``: options by name, declared in classes, read from flags, seen through views."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self, TypeVar

from bourne.errors import OptionsError
from bourne.sdk import options_parser
from bourne.sdk.display import HasDisplayData
from bourne.sdk.options_parser import Declared
from bourne.sdk.value_provider import RuntimeValueProvider, StaticValueProvider, ValueProvider

OptionsT = TypeVar('OptionsT', bound='PipelineOptions')


class OptionsWarning(UserWarning):
    """An option or an argument that changes nothing."""


class PipelineOptions(HasDisplayData):
    """The options of a pipeline.

    Options are declared in subclasses, as arguments of :mod:`argparse`::

        class MyOptions(PipelineOptions):
            @classmethod
            def _add_argparse_args(cls, parser):
                parser.add_argument('--input', required=True, help='the files to read')

        options = PipelineOptions(['--input=a.txt', '--runner=local'])
        options.view_as(MyOptions).input                # 'a.txt'
        options.view_as(StandardOptions).runner         # 'local'

    An object shows the options of its own class as attributes; ``view_as`` shows those of another one. All
    views of an object share its values: what is set on one is seen on all. Flags that no class declares are
    kept, and reported by :meth:`check` when the pipeline runs: their class may be defined later.

    Args:
      flags: command line arguments. ``None`` is those of the program (``sys.argv[1:]``).
      kwargs: values by option name; they win over flags.

    Raises:
      OptionsError: if a flag is not text, an option that is required is missing, or a value cannot be read.
      SystemExit: after printing all options, if ``--help`` is among the flags.
    """

    _flags: tuple[str, ...]
    _from_argv: bool
    _all_options: dict[str, Any]
    _given: set[str]
    _declared: Declared

    #: Reasons why options of the class have no effect: one for all of them, or by name.
    _no_effect: ClassVar[str | Mapping[str, str]] = {}

    def __init__(self, flags: Iterable[str] | None = None, **kwargs: Any) -> None:
        self._flags = _checked(sys.argv[1:] if flags is None else flags)
        self._from_argv = flags is None
        self._given = set(kwargs)
        # Shared by all views, and filled as views are made: a value is read once.
        self._all_options = kwargs
        if '--help' in self._flags or '-h' in self._flags:
            _help(self._flags)
        self._show()

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        """Declares the class's options; to be implemented by subclasses.

        Args:
          parser: an ``argparse.ArgumentParser`` that also has ``add_value_provider_argument``.
        """

    @classmethod
    def from_dictionary(cls, options: Mapping[str, Any]) -> Self:
        """Options from values by name, read as if they were flags, as Beam does it.

        Args:
          options: text is converted as a flag's is; ``True`` is the flag alone; a list is the flag for each
            item; a dict is JSON; ``None`` is left out, as is ``False`` for a flag that names no option.

        Returns:
          An object of this class.
        """
        flags: list[str] = []
        given: dict[str, Any] = {}
        declared = options_parser.declare(_declaring())
        for name, value in options.items():
            if isinstance(value, (bool, ValueProvider)) and name in declared.defaults:
                given[name] = value
            else:
                flags += options_parser.as_flags(name, value, declared)
        return cls(flags, **given)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Options from values by name that are taken as they are: the inverse of :meth:`to_dict`."""
        defaults = options_parser.declare(_declaring()).defaults if values else {}
        return cls([], **{name: _provided(value, defaults.get(name)) for name, value in values.items()})

    def to_dict(self) -> dict[str, Any]:
        """The options that are not at their default, by name, as plain JSON data.

        A value that JSON does not have becomes text; a provider without a value is left out.
        """
        values, found = self._all_options, {}
        for cls in _known_classes():
            declared = _declared(cls)
            if declared.reads(self._flags):
                _fill(values, cls, declared, self._flags)
            # What has no value yet is at its default.
            found.update({name: _plain(values[name]) for name, default in declared.defaults.items()
                          if name in values and not _is_default(values[name], default)
                          and not isinstance(values[name], RuntimeValueProvider)})
        return dict(sorted(found.items()))

    def view_as(self, cls: type[OptionsT]) -> OptionsT:
        """The same options, seen through another class.

        Args:
          cls: a subclass of ``PipelineOptions``.

        Raises:
          OptionsError: if an option that the class requires is missing, or a value cannot be read.
        """
        if not _is_options_class(cls):
            raise OptionsError(f'view_as takes a subclass of PipelineOptions, got {cls!r}')
        # A class with its own __init__ may set up more than options.
        view = cls.__new__(cls) if cls.__init__ is PipelineOptions.__init__ else cls(self._flags)
        view._flags, view._from_argv = self._flags, self._from_argv
        view._given, view._all_options = self._given, self._all_options
        view._show()
        return view

    def get_all_options(self, drop_default: bool = False,
                        add_extra_args_fn: Callable[[Any], None] | None = None,
                        retain_unknown_options: bool = False, display_warnings: bool = False,
                        current_only: bool = False) -> dict[str, Any]:
        """All options by name.

        Args:
          drop_default: leave out those at their default.
          add_extra_args_fn: is called with the parser and may declare more options on it.
          retain_unknown_options: keep what no class declares: a flag's value as text, True if it has none.
          display_warnings: warn of what no class declares.
          current_only: only the options of this object's class.
        """
        classes = [type(self)] if current_only else list(_known_classes())
        result: dict[str, Any] = {}
        for cls in classes:
            declared = _declared(cls)
            _fill(self._all_options, cls, declared, self._flags)
            result.update({name: self._all_options[name] for name, default in declared.defaults.items()
                           if not (drop_default and _is_default(self._all_options[name], default))})
        if add_extra_args_fn is not None:
            extra, _ = options_parser.parse((), self._flags, add_extra_args_fn)
            result.update({name: self._all_options.get(name, value) for name, value in extra.items()})
        if display_warnings and (unknown := self._unknown()[0]):
            warnings.warn(_unknown_message(unknown), OptionsWarning, stacklevel=2)
        if retain_unknown_options:
            unknown = self._unknown_arguments(add_extra_args_fn)
            return {**options_parser.retained(unknown), **self._unknown_given(), **result}
        return result

    def check(self, ignored: Mapping[str, str] | None = None) -> None:
        """Reports, before a pipeline runs, the options that nobody knows and those that change nothing.

        Arguments that the program itself was called with may well be meant for the program: unknown ones
        among them are an :class:`OptionsWarning`. Unknown ones among flags handed over are an error.

        Args:
          ignored: options that the runner at hand does not use: the reason by the option's name.

        Raises:
          OptionsError: names all unknown options, with suggestions.
        """
        unknown, stray = self._unknown()
        if unknown and (not self._from_argv or self._unknown_given()):
            raise OptionsError(_unknown_message(unknown))
        if unknown:
            warnings.warn(_unknown_message(unknown), OptionsWarning, stacklevel=2)
        if stray:
            shown = ', '.join(map(repr, stray))
            warnings.warn(f'these arguments are not options and change nothing: {shown}', OptionsWarning,
                          stacklevel=2)
        if idle := self._idle(ignored or {}):
            warnings.warn('these pipeline options have no effect here:\n' + '\n'.join(
                f'  {flag}: {reason}' for flag, reason in idle), OptionsWarning, stacklevel=2)

    def display_data(self) -> dict[str, Any]:
        return self.get_all_options(drop_default=True, retain_unknown_options=True)

    def _override(self, values: Mapping[str, Any]) -> None:
        """Sets values as if they had been given at construction."""
        self._all_options.update(values)
        self._given.update(values)

    def _show(self) -> None:
        """Makes the options of this object's class attributes of it."""
        self._declared = declared = _declared(type(self))
        _fill(self._all_options, type(self), declared, self._flags)
        missing = [flag for name, flag in declared.required.items() if self._all_options[name] is None]
        if missing:
            raise OptionsError(f'{type(self).__name__} requires {", ".join(missing)}; got the flags '
                               f'{list(self._flags)}')

    def _unknown_arguments(self, more: Callable[[Any], None] | None = None) -> list[str]:
        if not self._flags:
            return []
        # Classes that know none of the flags cannot make any of them known.
        classes = [cls for cls in _declaring() if _declared(cls).reads(self._flags)]
        return options_parser.parse(classes, self._flags, more)[1]

    def _unknown_given(self) -> dict[str, Any]:
        known = {name for cls in _known_classes() for name in _declared(cls).defaults} if self._given else ()
        return {name: self._all_options[name] for name in sorted(self._given.difference(known))}

    def _unknown(self) -> tuple[list[str], list[str]]:
        """Unknown options as they were given, with their values, and arguments that are no options."""
        unknown, others = options_parser.split_unknown(self._unknown_arguments())
        given = [f'{name}={value!r}' for name, value in self._unknown_given().items()]
        # The program's own command line may have arguments of any kind.
        stray = [] if self._from_argv else [other for other in others if other not in ('', sys.argv[0])]
        return unknown + given, stray

    def _idle(self, ignored: Mapping[str, str]) -> list[tuple[str, str]]:
        """Flag and reason of each option that is set and changes nothing."""
        if self._flags:
            for cls in _known_classes():
                _fill(self._all_options, cls, _declared(cls), self._flags)
        idle = _idle_options() | _ignored(ignored)
        used = {name: idle[name] for name in idle.keys() & self._all_options.keys()
                if not _is_default(self._all_options[name], idle[name][1])}
        if not used:
            return []
        # An option of the same name in a program's own class is read by the program.
        own = {name for cls in _known_classes() if not _is_ours(cls) for name in _declared(cls).defaults}
        return sorted((flag, why) for name, (flag, _, why) in used.items()
                      if name not in own or name in ignored)

    def __getattr__(self, name: str) -> Any:
        # Names that pickle and copy ask for before there is anything in the object must fail plainly.
        if name.startswith('_'):
            raise AttributeError(name)
        if name in self._declared.defaults:
            return self._all_options[name]
        raise AttributeError(_no_option(type(self), name))

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith('_'):
            object.__setattr__(self, name, value)
        elif name in self._declared.defaults:
            self._all_options[name] = value
        else:
            raise AttributeError(_no_option(type(self), name))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != '_declared'}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._show()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._declared.defaults})

    def __repr__(self) -> str:
        shown = [f'{name}={self._all_options[name]!r}' for name in sorted(self._declared.defaults)]
        if type(self) is PipelineOptions:
            given = [f'{name}={self._all_options[name]!r}' for name in sorted(self._given)]
            shown = [repr(list(self._flags)), *given]
        return f'{type(self).__name__}({", ".join(shown)})'


_RESERVED = frozenset(name for name in vars(PipelineOptions) if not name.startswith('_'))
_DECLARED: dict[type[PipelineOptions], Declared] = {}


def _is_options_class(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, PipelineOptions)


def _checked(flags: Iterable[str]) -> tuple[str, ...]:
    if isinstance(flags, (str, bytes)):
        raise OptionsError(f'flags must be a list of strings, not one string, got {flags!r}: '
                           'use shlex.split() on it')
    found = tuple(flags)
    for flag in found:
        if not isinstance(flag, str):
            raise OptionsError(f'flags must be strings, got {flag!r} ({type(flag).__name__}) '
                               f'among {list(found)}')
    return found


def _known_classes(base: type[PipelineOptions] = PipelineOptions) -> Iterator[type[PipelineOptions]]:
    """All options classes that exist now, in the order of their definition, a base class before its own."""
    for cls in base.__subclasses__():
        yield cls
        yield from _known_classes(cls)


def _declaring(cls: type[PipelineOptions] | None = None) -> list[type[PipelineOptions]]:
    """The classes that declare something themselves: all, or those that ``cls`` is made of, base first."""
    classes = _known_classes() if cls is None else reversed(cls.__mro__)
    return [known for known in dict.fromkeys(classes)
            if '_add_argparse_args' in known.__dict__ and known is not PipelineOptions]


def names_in(flags: Iterable[str]) -> set[str]:
    """The names of the options that are set by flags, among all that are declared."""
    given = {flag.partition('=')[0] for flag in flags}
    return {name for flag, name in options_parser.declare(_declaring()).flags.items() if flag in given}


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith('bourne.sdk.')


def _declared(cls: type[PipelineOptions]) -> Declared:
    # What a program declares may depend on its environment at that moment, so only our own classes are kept.
    found = _DECLARED.get(cls)
    if found is None:
        found = _declare(cls)
        if _is_ours(cls):
            _DECLARED[cls] = found
    return found


def _declare(cls: type[PipelineOptions]) -> Declared:
    declared = options_parser.declare(_declaring(cls))
    if clash := _RESERVED.intersection(declared.defaults):
        name = min(clash)
        raise OptionsError(f'{cls.__name__} declares an option {name!r}, which is the name of a method of '
                           f'PipelineOptions: keep the flag, and give the option another name with '
                           f"dest='{name}_option'")
    return declared


def _fill(values: dict[str, Any], cls: type[PipelineOptions], declared: Declared,
          flags: tuple[str, ...]) -> None:
    """Reads the options of a class that have no value yet."""
    if declared.defaults.keys() <= values.keys():
        return
    missing = [name for name in declared.defaults if name not in values]
    found = options_parser.parse(_declaring(cls), flags)[0] if declared.reads(flags) else declared.defaults
    for name in missing:
        value = found.get(name)
        # A list that is a default must not be shared between pipelines.
        values[name] = value.copy() if isinstance(value, (list, dict, set)) else value


@functools.cache
def _idle_options() -> dict[str, tuple[str, Any, str]]:
    """Flag, default and reason of each option of ours that has no effect, by name."""
    idle: dict[str, tuple[str, Any, str]] = {}
    used: set[str] = set()
    for cls in filter(_is_ours, _known_classes()):
        declared, why = _declared(cls), cls._no_effect
        reasons = dict.fromkeys(declared.defaults, why) if isinstance(why, str) else why
        idle |= _entries(reasons, declared)
        used |= declared.defaults.keys() - reasons.keys()
    return {name: entry for name, entry in idle.items() if name not in used}


def _ignored(reasons: Mapping[str, str]) -> dict[str, tuple[str, Any, str]]:
    return _entries(reasons, options_parser.declare(_declaring())) if reasons else {}


def _entries(reasons: Mapping[str, str], declared: Declared) -> dict[str, tuple[str, Any, str]]:
    flags = {name: flag for flag, name in reversed(declared.flags.items())}
    return {name: (flags.get(name, name), declared.defaults.get(name), why) for name, why in reasons.items()}


def _is_default(value: Any, default: Any) -> bool:
    return not isinstance(default, ValueProvider) and bool(value == default)


def _provided(value: Any, default: Any) -> Any:
    if isinstance(default, RuntimeValueProvider) and not isinstance(value, ValueProvider):
        return StaticValueProvider(default.value_type, value)
    return value


def _unknown_message(unknown: list[str]) -> str:
    known = [flag for cls in _known_classes() for flag in _declared(cls).flags]
    lines = '\n'.join(f'  {option}{_suggestion(option, known)}' for option in unknown)
    return (f'unknown pipeline options:\n{lines}\n'
            'An option is declared in a subclass of PipelineOptions that exists when the pipeline runs; '
            "a program's own arguments are not to be handed to PipelineOptions (argparse: parse_known_args).")


def _suggestion(option: str, known: list[str]) -> str:
    import difflib

    flag = option.split('=')[0].split(' ')[0]
    close = difflib.get_close_matches(f'--{options_parser.name_of(flag)}', known, n=1)
    return f'  (did you mean {close[0] if flag.startswith("-") else close[0].lstrip("-")}?)' if close else ''


def _no_option(cls: type[PipelineOptions], name: str) -> str:
    for other in _known_classes():
        if name in _declared(other).defaults:
            return (f'{cls.__name__} has no option {name!r}, but {other.__name__} has: '
                    f'use options.view_as({other.__name__}).{name}')
    hint = _suggestion(name, [f'--{known}' for known in _declared(cls).defaults])
    return f'{cls.__name__} has no option {name!r}{hint}'


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, StaticValueProvider):
        return _plain(value.get())
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    return str(value)


def _help(flags: tuple[str, ...]) -> None:
    # A class may have a flag -h of its own.
    if not {'-h', '--help'} & set(flags) & set(options_parser.declare(_declaring()).flags):
        used = [cls for cls in _declaring() if not _declared(cls).defaults.keys() <= _idle_options().keys()]
        print(options_parser.help_text(used))
        raise SystemExit(0)
