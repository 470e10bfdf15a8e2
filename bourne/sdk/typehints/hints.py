"""Declared types of inputs and outputs: of functions, ``DoFn`` and transform classes, and their instances."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Literal, Self, TypeVar, get_args, get_origin

from bourne.errors import TransformError, TypeCheckError
from bourne.sdk.model.dofn import TaggedOutput
from bourne.sdk.model.window import TimestampedValue, WindowedValue
from bourne.sdk.typehints.describe import describe, describe_call
from bourne.sdk.typehints.normal import Form, members_of, normalize, union
from bourne.sdk.typehints.relate import element_of
from bourne.sdk.typehints.signature import annotations_of

F = TypeVar('F')
#: Hints by position and by name: of the arguments, or of the main output (one) and the tagged ones.
Types = tuple[tuple[Any, ...], dict[str, Any]]

_ATTRIBUTE = '_bourne_hints'


class IOTypeHints:
    """The types of the inputs and outputs of a function or transform; immutable. False if there are none.

    Args:
      input_types: the types of the positional arguments (the element first) and of those by keyword, or
        ``None``.
      output_types: the type of the main output and those of tagged outputs, or ``None``.
      origin: where the input types and the output types come from; not compared, and not pickled.
    """

    __slots__ = ('input_types', 'origin', 'output_types')

    input_types: Types | None
    output_types: Types | None
    origin: tuple[str, str]

    def __init__(self, input_types: Types | None = None, output_types: Types | None = None,
                 origin: tuple[str, str] = ('', '')) -> None:
        self.input_types = input_types
        self.output_types = output_types
        self.origin = origin

    @classmethod
    def empty(cls) -> IOTypeHints:
        """No hints."""
        return EMPTY

    @classmethod
    def from_callable(cls, fn: Callable[..., Any]) -> IOTypeHints | None:
        """The hints in the annotations of a callable; ``None`` if it has none.

        A plain function without annotations costs a look at an attribute.
        """
        found = annotations_of(fn)
        if found is None:
            return None
        inputs = None if found.args is None else (found.args, found.kwargs)
        outputs: Types | None = None if found.output is None else ((found.output,), {})
        return cls(inputs, outputs, (found.origin, found.origin)) if inputs or outputs else None

    def with_input_types(self, *args: Any, **kwargs: Any) -> IOTypeHints:
        """The same outputs with these input types."""
        return self.with_inputs((args, kwargs))

    def with_output_types(self, *args: Any, **kwargs: Any) -> IOTypeHints:
        """The same inputs with these output types."""
        return self.with_outputs((args, kwargs))

    def with_inputs(self, given: Types | None, origin: str | None = None) -> IOTypeHints:
        """The same outputs with these input types, or none, from elsewhere if an origin is given."""
        kept, other = self.origin
        return IOTypeHints(given, self.output_types, (kept if origin is None else origin, other))

    def with_outputs(self, given: Types | None, origin: str | None = None) -> IOTypeHints:
        """The same inputs with these output types, or none, from elsewhere if an origin is given."""
        other, kept = self.origin
        return IOTypeHints(self.input_types, given, (other, kept if origin is None else origin))

    def with_defaults(self, hints: IOTypeHints | None) -> IOTypeHints:
        """These hints, and for inputs or outputs that they say nothing of those of ``hints``."""
        if not hints or (self.input_types and self.output_types):
            return self
        if not self:
            return hints
        if self.input_types:
            return self.with_outputs(hints.output_types, hints.origin[1])
        return self.with_inputs(hints.input_types, hints.origin[0])

    def has_simple_output_type(self) -> bool:
        """True if the type of the main output is given."""
        return self.output_types is not None and len(self.output_types[0]) == 1

    def simple_output_type(self, context: str = '') -> Any:
        """The type of the main output, or ``None`` if it is not given.

        Raises:
          TypeCheckError: several are given; the message names ``context``.
        """
        if not self.output_types or self.output_types == ((), {}):
            return None
        if len(self.output_types[0]) != 1:
            raise TypeCheckError(f'{context or "a transform"} has one main output type, got '
                                 f'{list(map(describe, self.output_types[0]))}')
        return self.output_types[0][0]

    def tagged_output_types(self) -> dict[str, Any]:
        """The types of tagged outputs by tag, as far as they are given."""
        return self.output_types[1] if self.output_types else {}

    def strip_iterable(self, name: str = 'the function') -> IOTypeHints:
        """The hints of the transform from those of a function that returns an iterable of outputs.

        Args:
          name: the function, for the message.

        Raises:
          TypeCheckError: an output type is not iterable.
        """
        if not self.output_types or not self.has_simple_output_type():
            return self
        (main,), tagged = self.output_types
        stripped = {tag: element_of(hint, name) for tag, hint in tagged.items()}
        return self.with_outputs(((element_of(main, name),), stripped))

    def extract_tagged_outputs(self) -> IOTypeHints:
        """The hints with what functions emit around a value taken off the output type.

        ``TimestampedValue[T]`` and ``WindowedValue[T]`` are T; ``int | TaggedOutput[Literal['bad'], str]`` is
        ``int`` for the main output and ``str`` for the one tagged ``bad``. After :meth:`strip_iterable`.
        """
        if not self.output_types or not self.has_simple_output_type():
            return self
        (main,), tagged = self.output_types
        taken, tags = unwrap_output(main)
        if taken is main and not tags:
            return self
        return self.with_outputs(((taken,), {**tags, **tagged}))

    def strip_input_iterable(self, name: str = 'the function') -> IOTypeHints:
        """The hints of a combining transform from those of a function of an iterable of values.

        Args:
          name: the function, for the message.

        Raises:
          TypeCheckError: the function is annotated to take something else.
        """
        if not self.input_types or not self.input_types[0]:
            return self
        (first, *rest), kwargs = self.input_types
        try:
            value = element_of(first)
        except TypeCheckError:
            raise TypeCheckError(
                f'{name} cannot combine values: a combining function takes an iterable of them, but its '
                f'first argument is annotated as <{describe(first)}>') from None
        return self.with_inputs(((value, *rest), kwargs))

    def strip_pcoll(self, collection: type) -> IOTypeHints:
        """The hints of a transform from the annotations of its ``expand``: ``PCollection[T]`` is T.

        Args:
          collection: the class ``PCollection``. What else is annotated (a tuple of collections, ``PBegin``,
            ``None``) says nothing of one element type and is left out, as is ``Any``.
        """
        inputs = self.input_types and _elements_of(self.input_types[0][:1], collection)
        outputs = self.output_types and _elements_of(self.output_types[0], collection)
        return IOTypeHints(inputs, outputs, self.origin)

    def debug_str(self) -> str:
        """The hints and where they come from, in several lines."""
        return '\n'.join([repr(self), *dict.fromkeys(filter(None, self.origin))])

    def __bool__(self) -> bool:
        return self.input_types is not None or self.output_types is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IOTypeHints):
            return NotImplemented
        return self.input_types == other.input_types and self.output_types == other.output_types

    def __hash__(self) -> int:
        return hash(tuple(given and (given[0], frozenset(given[1].items()))
                          for given in (self.input_types, self.output_types)))

    def __reduce__(self) -> Any:
        return IOTypeHints, (self.input_types, self.output_types)

    def __repr__(self) -> str:
        return f'IOTypeHints[inputs={_spelled(self.input_types)}, outputs={_spelled(self.output_types)}]'


EMPTY = IOTypeHints()


def _spelled(given: Types | None) -> str:
    return 'unknown' if given is None else describe_call(*given)


def _elements_of(hints: tuple[Any, ...], collection: type) -> Types | None:
    hint = hints[0] if len(hints) == 1 else None
    origin = get_origin(hint) or hint
    args = get_args(hint)[:1]
    if not isinstance(origin, type) or not issubclass(origin, collection) or args in ((), (Any,)):
        return None
    return args, {}


def unwrap_output(hint: Any) -> tuple[Any, dict[str, Any]]:
    """The element type of an output that may be wrapped, and the types of tagged outputs.

    Args:
      hint: what a function emits, in the normal form.

    Returns:
      The type of the main output (``Any`` if only tagged outputs are known), and types by tag. A
      ``TaggedOutput`` whose tag is not a ``Literal`` says nothing.
    """
    main: list[Any] = []
    tagged: dict[str, Any] = {}
    for member in members_of(hint):
        origin, args = get_origin(member) or member, get_args(member)
        if origin is TaggedOutput:
            if args and get_origin(args[0]) is Literal:
                tags: tuple[str, ...] = get_args(args[0])
                tagged.update(dict.fromkeys(tags, unwrap_output(args[1])[0]))
        elif origin is TimestampedValue or origin is WindowedValue:
            main.append(unwrap_output(args[0])[0] if args else Any)
        else:
            main.append(member)
    if main == [hint]:
        return hint, tagged
    return union(main) if main else Any, tagged


def declared(hint: Any, what: str) -> Any:
    """The normal form of a hint that a user declares.

    Args:
      hint: the hint.
      what: where it is declared, for the message.

    Raises:
      TypeCheckError: it is a plain value, and no type.
    """
    is_hint = (hint is None or isinstance(hint, (str, type, Form)) or get_origin(hint) is not None
               or type(hint).__module__ in ('typing', 'typing_extensions', 'types'))
    if not is_hint:
        raise TypeCheckError(f'{what}: a type hint is a class, a typing object such as list[int], or None; '
                             f'got {hint!r} ({type(hint).__name__})')
    return normalize(hint)


def _declared_types(args: tuple[Any, ...], kwargs: dict[str, Any], what: str) -> Types:
    return (tuple(declared(hint, what) for hint in args),
            {name: declared(hint, f'{what}, {name}') for name, hint in kwargs.items()})


def _declared_inputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Types:
    if not args and not kwargs:
        raise TransformError('with_input_types takes the type of the element, and those of further '
                             'arguments; got none')
    return _declared_types(args, kwargs, 'with_input_types')


def _declared_outputs(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Types:
    if len(args) != 1:
        given = ', '.join(map(repr, args)) or 'none'
        raise TransformError(f'with_output_types takes one type, and those of tagged outputs by tag; got '
                             f'{len(args)}: {given}. For several values in a tuple: tuple[A, B]')
    return _declared_types(args, kwargs, 'with_output_types')


def get_type_hints(fn: Any) -> IOTypeHints:
    """The declared hints of a function, class or instance; empty if there are none.

    What an instance declares for itself wins over the decorators of its class.
    """
    of_class: IOTypeHints | None = getattr(fn if isinstance(fn, type) else type(fn), _ATTRIBUTE, None)
    own: IOTypeHints | None = None if isinstance(fn, type) else getattr(fn, '__dict__', {}).get(_ATTRIBUTE)
    if own is None:
        return of_class or EMPTY
    return own.with_defaults(of_class)


def callable_hints(fn: Callable[..., Any]) -> IOTypeHints:
    """The hints of a callable: what decorators say, and its annotations for the rest."""
    if type(fn) is types.FunctionType and not fn.__annotations__ and not fn.__dict__:
        return EMPTY  # by far the most common: a lambda
    return get_type_hints(fn).with_defaults(IOTypeHints.from_callable(fn))


class WithTypeHints:
    """A mixin with declared types.

    What an instance declares wins over the decorators of its class, and those over its defaults.
    """

    def get_type_hints(self) -> IOTypeHints:
        """The hints in force."""
        return get_type_hints(self).with_defaults(self.default_type_hints())

    def default_type_hints(self) -> IOTypeHints | None:
        """The hints where none are declared, from the annotations of a function, say."""
        return None

    def with_input_types(self, *args: Any, **kwargs: Any) -> Self:
        """Declares the types of the element and of further arguments.

        Args:
          args: hints by position, the element's first.
          kwargs: hints by the parameter's name.

        Returns:
          The same object.
        """
        old = self.__dict__.get(_ATTRIBUTE, EMPTY)
        self.__dict__[_ATTRIBUTE] = old.with_inputs(_declared_inputs(args, kwargs), 'with_input_types(...)')
        return self

    def with_output_types(self, *args: Any, **kwargs: Any) -> Self:
        """Declares the types of the outputs.

        Args:
          args: one hint, of the main output's elements.
          kwargs: hints of tagged outputs by tag.

        Returns:
          The same object.
        """
        old = self.__dict__.get(_ATTRIBUTE, EMPTY)
        self.__dict__[_ATTRIBUTE] = old.with_outputs(_declared_outputs(args, kwargs), 'with_output_types(...)')
        return self


def with_input_types(*args: Any, **kwargs: Any) -> Callable[[F], F]:
    """A decorator that declares the types of the arguments of a function, or of a class's element.

    Args:
      args: hints by position.
      kwargs: hints by the parameter's name.
    """
    given = _declared_inputs(args, kwargs)
    return lambda target: _attach(target, get_type_hints(target).with_inputs(given, _place_of(target)))


def with_output_types(*args: Any, **kwargs: Any) -> Callable[[F], F]:
    """A decorator that declares the type of what a function returns, or of the elements that a class emits.

    Args:
      args: one hint.
      kwargs: hints of tagged outputs by tag.
    """
    given = _declared_outputs(args, kwargs)
    return lambda target: _attach(target, get_type_hints(target).with_outputs(given, _place_of(target)))


def _place_of(target: Any) -> str:
    """``upper (words.py:12)``, as far as it is known."""
    name = getattr(target, '__qualname__', repr(target)).rpartition('<locals>.')[2]
    code = getattr(target, '__code__', None)
    return f'{name} ({code.co_filename}:{code.co_firstlineno})' if isinstance(code, types.CodeType) else name


def _attach(target: F, hints: IOTypeHints) -> F:
    try:
        setattr(target, _ATTRIBUTE, hints)
    except (AttributeError, TypeError):
        raise TypeCheckError(f'type hints cannot be attached to {target!r} ({type(target).__name__}): wrap '
                             f'it in a function, or declare them on the transform') from None
    return target
