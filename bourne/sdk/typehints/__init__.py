"""Type hints: Beam's names, with Python's own typing objects as their normal form.

=================  ================================================================================
module             what it knows
=================  ================================================================================
``normal``         the normal form of a hint, unions, substitution of type variables
``describe``       hints as text, and back
``supertypes``     what a type is as one of its supertypes: ``dict[str, int]`` as an ``Iterable``
``relate``         consistency, binding of type variables, element types, keys and values
``infer``          the types of values
``signature``      the annotations of callables (``builtin_functions``: of those that have none)
``hints``          declared hints: ``IOTypeHints``, the mixin, the decorators
``check``          checks of types when a pipeline is built
``values``         checks of values when it runs
``transforms``     what transforms need of all this
``sharded``        ``ShardedKey``
=================  ================================================================================
"""

from __future__ import annotations

import typing as _typing
from collections import abc as _abc
from typing import (  # noqa: UP035  (Beam's names)
    TYPE_CHECKING,
    Any,
    Collection,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from bourne.errors import TypeCheckError
from bourne.sdk.model.window import TimestampedValue, WindowedValue
from bourne.sdk.typehints.check import check_call, check_input, check_output, input_hint, resolve_output
from bourne.sdk.typehints.describe import describe, parse
from bourne.sdk.typehints.hints import (
    IOTypeHints,
    WithTypeHints,
    callable_hints,
    get_type_hints,
    unwrap_output,
    with_input_types,
    with_output_types,
)
from bourne.sdk.typehints.infer import infer, infer_all
from bourne.sdk.typehints.normal import Form, generic, normalize, substitute, union
from bourne.sdk.typehints.relate import bind, bound_of, element_of, is_consistent_with, key_value_types
from bourne.sdk.typehints.sharded import ShardedKey, ShardedKeyType
from bourne.sdk.typehints.signature import get_signature, getcallargs_forhints
from bourne.sdk.typehints.supertypes import view_as
from bourne.sdk.typehints.transforms import (
    argument_type,
    check_inputs,
    combined_type,
    combiner_hints,
    dofn_hints,
    function_hints,
    output_type,
    runtime_types,
    set_output_types,
)
from bourne.sdk.typehints.values import GeneratorWrapper, check_value, require_value

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Tuple as KV  # noqa: UP035
else:
    KV = Form('KV', (2,), lambda key, value: tuple[key, value], tuple[Any, Any])
    #: Beam's takes the type of what is yielded alone, too.
    Generator = Form('Generator', (1, 3), lambda item, send=None, result=None: _abc.Generator[
        item, normalize(send), normalize(result)], normalize(_abc.Generator))

TypeVariable = _typing.TypeVar


def convert_to_beam_type(typ: Any) -> Any:
    """The normal form of a hint. Beam has types of its own to convert to; here they are Python's."""
    return normalize(typ)


def convert_to_beam_types(args: Any) -> Any:
    """The normal forms of hints, in a list or, given a dict, in a dict."""
    if isinstance(args, dict):
        return {key: normalize(hint) for key, hint in args.items()}
    return [normalize(hint) for hint in args]


convert_to_python_type = convert_to_beam_type
convert_to_python_types = convert_to_beam_types

__all__ = [
    # Hints
    'Any', 'Collection', 'Dict', 'FrozenSet', 'Generator', 'Iterable', 'Iterator', 'KV', 'List',
    'Mapping', 'Optional', 'Sequence', 'Set', 'ShardedKey', 'ShardedKeyType', 'TimestampedValue',
    'Tuple', 'TypeVariable', 'Union', 'WindowedValue',
    # Declaring them
    'IOTypeHints', 'TypeCheckError', 'WithTypeHints', 'get_type_hints', 'with_input_types',
    'with_output_types',
    # Types and values
    'bind', 'bound_of', 'check_value', 'describe', 'element_of', 'generic', 'infer', 'infer_all',
    'is_consistent_with', 'key_value_types', 'normalize', 'parse', 'require_value', 'substitute',
    'union', 'view_as',
    # Callables
    'GeneratorWrapper', 'callable_hints', 'combiner_hints', 'dofn_hints', 'function_hints',
    'get_signature', 'getcallargs_forhints', 'unwrap_output',
    # Transforms
    'argument_type', 'check_call', 'check_input', 'check_inputs', 'check_output', 'combined_type',
    'input_hint', 'output_type', 'resolve_output', 'runtime_types', 'set_output_types',
    # Beam's own forms
    'convert_to_beam_type', 'convert_to_beam_types', 'convert_to_python_type',
    'convert_to_python_types',
]
