"""The types of transforms: what their functions say, what comes in, what goes out.

Transforms and collections are known here by their attributes only: ``get_type_hints()``; ``fn``, ``args``,
``kwargs``, ``star`` and ``style`` of those that call a function; ``element_type`` of collections and side
inputs.
"""

from __future__ import annotations

import inspect
from collections import abc
from collections.abc import Callable, Iterable
from typing import Any

from bourne.sdk.model.combinefn import CallableCombineFn, CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.typehints.check import check_call, check_input, check_output, input_hint, resolve_output
from bourne.sdk.typehints.hints import EMPTY, IOTypeHints, Types, callable_hints, get_type_hints
from bourne.sdk.typehints.infer import infer
from bourne.sdk.typehints.normal import generic, normalize, substitute
from bourne.sdk.typehints.relate import Bindings, bind, key_value_types
from bourne.sdk.typehints.signature import get_signature

#: Styles of functions that decide about an element instead of making a new one.
_KEEPING = ('filter', 'timestamp')


def function_hints(fn: Any, style: str, star: bool = False, extra: bool = False) -> IOTypeHints:
    """The hints of a transform that calls a function for each element: its ``default_type_hints()``.

    Args:
      fn: a callable, or a ``DoFn``.
      style: ``map``, ``flat_map``, ``filter``, ``timestamp`` or ``dofn``.
      star: the element's parts are passed as separate arguments.
      extra: further arguments are passed; with ``star`` nothing tells which parameters the element fills.

    Raises:
      TypeCheckError: a function that must return an iterable is annotated to return something else.
    """
    if isinstance(fn, DoFn):
        return dofn_hints(fn)
    hints = callable_hints(fn)
    if not hints:
        return EMPTY
    if star:
        hints = hints.with_inputs(None if extra else _spread(fn, hints))
    if style in _KEEPING:
        return hints.with_outputs(None)
    if style != 'map':
        hints = hints.strip_iterable(_name_of(fn))
    return hints.extract_tagged_outputs()


def dofn_hints(fn: DoFn) -> IOTypeHints:
    """The hints of a ``DoFn``: declared for the instance, for the class, or as annotations of ``process``.

    Raises:
      TypeCheckError: ``process`` is annotated to return something that is not iterable.
    """
    attached = get_type_hints(fn)
    annotated = IOTypeHints.from_callable(fn.process)
    if annotated is None:
        return attached
    if not attached.output_types:
        annotated = annotated.strip_iterable(f'{type(fn).__name__}.process').extract_tagged_outputs()
    return attached.with_defaults(annotated)


def _spread(fn: Callable[..., Any], hints: IOTypeHints) -> Types | None:
    """The hint of a tuple whose parts are the arguments of a function that has no optional ones."""
    params = get_signature(fn).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    plain = all(param.default is param.empty and param.kind in kinds for param in params)
    if not hints.input_types or not plain or len(hints.input_types[0]) != len(params):
        return None
    return (generic(tuple, hints.input_types[0]),), {}


def _name_of(fn: Any) -> str:
    return str(getattr(fn, '__qualname__', type(fn).__qualname__)).rpartition('<locals>.')[2]


def combiner_hints(fn: Any) -> IOTypeHints:
    """The hints of a combining function, for a value and the result.

    Args:
      fn: a ``CombineFn`` (its decorators, or the return annotation of ``extract_output``), or a callable of
        an iterable of values.

    Raises:
      TypeCheckError: a callable is annotated to take something that is not iterable.
    """
    inner = fn.fn if isinstance(fn, CallableCombineFn) else fn
    if not isinstance(inner, CombineFn):
        return callable_hints(inner).strip_input_iterable(_name_of(inner))
    result = IOTypeHints.from_callable(inner.extract_output)
    return get_type_hints(inner).with_defaults(result and result.with_inputs(None))


def combined_type(fn: Any, value_type: Any, label: str | None = None) -> Any:
    """The type of what a combining function makes of values.

    Args:
      fn: a ``CombineFn`` or a callable of an iterable.
      value_type: what is known of the values.
      label: check the values against the function's hints, for the transform of this label.

    Raises:
      TypeCheckError: the values do not fit.
    """
    inner = fn.fn if isinstance(fn, CallableCombineFn) else fn
    if inner is min or inner is max:
        return normalize(value_type)
    if inner is sum:
        value = normalize(value_type)
        return int if value is bool else value if value in (int, float, complex) else Any
    hints = combiner_hints(fn)
    if not hints:
        return Any
    if label is not None:
        check_input(label, hints, value_type, 'value')
    return resolve_output(hints, _bindings(hints, value_type))


def argument_type(value: Any) -> Any:
    """The type of a further argument of a function: of what a side input is passed as, or of a value."""
    view = getattr(value, 'view', None)
    if not isinstance(view, str) or not hasattr(value, 'side_view'):
        return infer(value)
    element = value.element_type
    if view in ('iter', 'list'):
        return generic(abc.Iterable if view == 'iter' else list, (element,))
    if view in ('dict', 'multimap'):
        key, item = key_value_types(element) or (Any, Any)
        return generic(dict, (key, item if view == 'dict' else generic(list, (item,))))
    return element if view == 'singleton' else Any


def check_inputs(transform: Any, label: str, inputs: Iterable[Any]) -> None:
    """Checks what a transform is applied to against its hints, and the further arguments of its function.

    Args:
      transform: the transform.
      label: its label.
      inputs: the collections. Several hints by position are for one each, a single one is for all.

    Raises:
      TypeCheckError: an input or an argument does not fit.
    """
    hints = transform.get_type_hints()
    if not hints.input_types:
        return
    types = [item.element_type for item in inputs if hasattr(item, 'element_type')]
    declared = hints.input_types[0]
    if isinstance(getattr(transform, 'style', None), str) and len(types) == 1 and not transform.star:
        _check_function(transform, label, hints, types[0])
    elif len(declared) > 1 and len(declared) == len(types):
        for number, (hint, element_type) in enumerate(zip(declared, types)):
            check_input(label, hints.with_input_types(hint), element_type, f'input {number}')
    else:
        for element_type in types:
            check_input(label, hints, element_type)


def _check_function(transform: Any, label: str, hints: IOTypeHints, element_type: Any) -> None:
    target = transform.fn.process if isinstance(transform.fn, DoFn) else transform.fn
    if not transform.args and not transform.kwargs and len(hints.input_types[0]) == 1:  # type: ignore[index]
        check_input(label, hints, element_type)
        return
    args = [element_type, *map(argument_type, transform.args)]
    kwargs = {name: argument_type(value) for name, value in transform.kwargs.items()}
    check_call(label, target, hints, args, kwargs)


def _bindings(hints: IOTypeHints, element_type: Any) -> Bindings:
    hint = input_hint(hints)
    return {} if hint is None else bind(hint, element_type)


def output_type(transform: Any, element_type: Any) -> Any:
    """The type of the elements of a transform's main output.

    Args:
      transform: the transform.
      element_type: what is known of its input's elements. A filter's output is of that type.
    """
    hints = transform.get_type_hints()
    if hints.output_types:
        return resolve_output(hints, _bindings(hints, element_type))
    return element_type if getattr(transform, 'style', None) in _KEEPING else Any


def set_output_types(transform: Any, inputs: Iterable[Any], output: Any, label: str | None = None) -> None:
    """Gives a transform's outputs the types that it declares, where nothing better is known of them.

    Args:
      transform: the transform.
      inputs: the collections that it was applied to.
      output: what it returned: a collection, or outputs by tag.
      label: check what is known of the main output against what is declared, for the transform of this label.

    Raises:
      TypeCheckError: the main output is something else than what is declared.
    """
    hints = transform.get_type_hints()
    if not hints.output_types:
        return
    inputs = list(inputs)
    types = [item.element_type for item in inputs if hasattr(item, 'element_type')]
    bindings = _bindings(hints, types[0]) if types else {}
    for tag, collection in _outputs(output):
        declared = resolve_output(hints, bindings, tag)
        if collection.element_type is Any:
            if declared is not Any and not any(collection is item for item in inputs):
                collection.pipeline.set_type(collection, declared)
        elif label is not None and tag is None:
            check_output(label, hints, bindings, collection.element_type)


def _outputs(output: Any) -> list[tuple[str | None, Any]]:
    if hasattr(output, 'element_type'):
        return [(None, output)]
    if isinstance(output, (tuple, list, dict)) or not hasattr(output, 'tags'):
        return []
    main = output[None]
    return [(None, main), *((tag, output[tag]) for tag in output.tags if output[tag] is not main)]


def runtime_types(transform: Any, element_type: Any) -> tuple[Any, Any]:
    """What to check each element and each main output of a transform against.

    Args:
      transform: the transform.
      element_type: not used: what was only inferred is no rule.

    Returns:
      Both types, ``None`` where nothing is declared.
    """
    hints = transform.get_type_hints()
    given = input_hint(hints), hints.simple_output_type()
    types = [Any if hint is None else substitute(hint, {}) for hint in given]
    return types[0] if types[0] is not Any else None, types[1] if types[1] is not Any else None

