"""Checks of types when a pipeline is built: of a transform's input, of the arguments of its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from bourne.errors import TypeCheckError
from bourne.sdk.typehints.describe import describe_apart
from bourne.sdk.typehints.hints import IOTypeHints
from bourne.sdk.typehints.normal import substitute
from bourne.sdk.typehints.relate import Bindings, bind, bound_of, is_consistent_with
from bourne.sdk.typehints.signature import bind_types


def check_input(label: str, hints: IOTypeHints, element_type: Any, what: str = 'element') -> Bindings:
    """Checks the type of a transform's input against the first input hint.

    Args:
      label: the transform's label.
      hints: its hints; without any for inputs there is nothing to check.
      element_type: what is known of the elements.
      what: what has that type, for the message.

    Returns:
      What the hint's type variables stand for.

    Raises:
      TypeCheckError: the elements do not fit.
    """
    hint = input_hint(hints)
    if hint is None:
        return {}
    _require(label, hint, element_type, what, hints.origin[0])
    return bind(hint, element_type)


def input_hint(hints: IOTypeHints) -> Any:
    """The hint of the element: the first by position or the only one by name; ``None`` if there is none."""
    if not hints.input_types:
        return None
    args, kwargs = hints.input_types
    return args[0] if args else next(iter(kwargs.values())) if len(kwargs) == 1 else None


def check_call(label: str, fn: Callable[..., Any], hints: IOTypeHints, args: Sequence[Any],
               kwargs: Mapping[str, Any] | None = None) -> Bindings:
    """Checks the types of all arguments of a function against its input hints.

    Args:
      label: the transform's label.
      fn: the function, or the bound ``process`` method; it tells which argument is which parameter.
      hints: the hints in force; without any for inputs nothing is checked.
      args: the types of the positional arguments, the element's first.
      kwargs: the types of the keyword arguments.

    Returns:
      What the hints' type variables stand for.

    Raises:
      TypeCheckError: an argument does not fit its hint, or the arguments or hints do not fit the function.
    """
    if not hints.input_types:
        return {}
    try:
        actual = bind_types(fn, args, kwargs or {})
        wanted = bind_types(fn, *hints.input_types, partial=True)
    except TypeCheckError as error:
        raise TypeCheckError(f'Type hint violation for {label!r}: {error}') from None
    bindings: Bindings = {}
    for number, (name, hint) in enumerate(wanted.items()):
        if hint is not Any:
            _require(label, hint, actual[name], name if number else 'element', hints.origin[0])
            bind(hint, actual[name], bindings)
    return bindings


def check_output(label: str, hints: IOTypeHints, bindings: Bindings, element_type: Any) -> None:
    """Checks what a composite transform returned against the output type that it declares.

    Args:
      label: the transform's label.
      hints: its hints.
      bindings: what their type variables stand for.
      element_type: what is known of the output's elements.

    Raises:
      TypeCheckError: the output does not fit.
    """
    hint = hints.simple_output_type(label)
    if hint is not None:
        _require(label, substitute(hint, bindings), element_type, 'output', hints.origin[1])


def _require(label: str, hint: Any, actual: Any, what: str, origin: str) -> None:
    if is_consistent_with(actual, hint):
        return
    wanted, got = describe_apart(bound_of(hint) if isinstance(hint, TypeVar) else hint, actual)
    by = f'\n  hinted by {origin}' if origin else ''
    raise TypeCheckError(f'Type hint violation for {label!r}: requires <{wanted}> but got <{got}> for {what}{by}')


def resolve_output(hints: IOTypeHints, bindings: Bindings, tag: str | None = None) -> Any:
    """The element type of an output.

    Args:
      hints: the transform's hints.
      bindings: what their type variables stand for, as :func:`check_input` or :func:`check_call` returned it.
      tag: the output's tag, ``None`` for the main one.

    Returns:
      A type without variables; ``Any`` if nothing is declared.
    """
    hint = hints.simple_output_type() if tag is None else hints.tagged_output_types().get(tag)
    return Any if hint is None else substitute(hint, bindings)

