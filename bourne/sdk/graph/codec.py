"""Values to JSON and back: plain data stays readable, user functions become pickled bytes.

======================  ==================================================
a value                 in JSON
======================  ==================================================
None, bool, int, str    itself
float                   itself; ``{"$float": "nan"}`` if it is not finite
list                    a list
tuple                   ``{"$tuple": [...]}``
dict                    an object if all keys are plain strings, else ``{"$dict": [[key, value], ...]}``
bytes                   ``{"$bytes": base64}``
Timestamp, Duration     ``{"$timestamp": micros}``, ``{"$duration": micros}``
a portable object       ``{"$type": "module:Class", field: value, ...}``
anything else           ``{"$pickle": base64, "is": a short description}``
======================  ==================================================
"""

from __future__ import annotations

import base64
import importlib
import math
from functools import cache
from typing import Any

import attrs

from bourne.errors import GraphError
from bourne.sdk.graph import pickling
from bourne.sdk.model.portable import is_portable
from bourne.sdk.model.timestamp import Duration, Timestamp

#: Longer lists and tuples are pickled whole: nobody reads them, and it is faster.
LONG = 64


def encode(value: Any, what: str = '') -> Any:
    """The JSON form of a value.

    Args:
      value: anything.
      what: what the value belongs to, for errors.

    Raises:
      bourne.errors.PickleError: if part of it can neither be written as data nor pickled.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {'$float': repr(value)}
    if kind in (list, tuple) and len(value) <= LONG:
        items = [encode(item, what) for item in value]
        return items if kind is list else {'$tuple': items}
    if kind is dict:
        if all(type(key) is str and not key.startswith('$') for key in value):
            return {key: encode(item, what) for key, item in value.items()}
        return {'$dict': [[encode(key, what), encode(item, what)] for key, item in value.items()]}
    if kind is bytes:
        return {'$bytes': base64.b64encode(value).decode('ascii')}
    if kind is Timestamp:
        return {'$timestamp': value.micros}
    if kind is Duration:
        return {'$duration': value.micros}
    if is_portable(kind):
        return {'$type': f'{kind.__module__}:{kind.__qualname__}', **encode_fields(value, what)}
    return {'$pickle': base64.b64encode(pickling.dumps(value, what)).decode('ascii'), 'is': pickling.name_of(value)}


def encode_fields(value: Any, what: str = '') -> dict[str, Any]:
    """The fields of a portable object, those with their defaults left out."""
    fields: dict[str, Any] = {}
    for name, field in _fields(value.__class__).items():
        item = getattr(value, name)
        if not _is_default(field, item):
            fields[name] = encode(item, what)
    return fields


def _is_default(field: attrs.Attribute[Any], item: Any) -> bool:
    # Only plain values: comparing a user's objects could do anything.
    if isinstance(field.default, (bool, int, str, tuple, type(None))):
        return type(item) is type(field.default) and item == field.default and not (isinstance(item, tuple) and item)
    return field.default is not attrs.NOTHING and type(item) is dict and not item


def decode(data: Any) -> Any:
    """The value of a JSON form.

    Raises:
      GraphError: if the form is not one that :func:`encode` writes, or names a class that is not there.
    """
    if isinstance(data, list):
        return [decode(item) for item in data]
    if not isinstance(data, dict):
        return data
    tag = next((key for key in data if key.startswith('$')), None)
    if tag is None:
        return {key: decode(item) for key, item in data.items()}
    try:
        return _decode_tagged(tag, data)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, GraphError):
            raise
        raise GraphError(f'the graph holds a malformed {tag} value: {error}') from error


def _decode_tagged(tag: str, data: dict[str, Any]) -> Any:
    content = data[tag]
    match tag:
        case '$tuple':
            return tuple(decode(item) for item in content)
        case '$dict':
            return {decode(key): decode(item) for key, item in content}
        case '$bytes':
            return base64.b64decode(content, validate=True)
        case '$float':
            return float(content)
        case '$timestamp':
            return Timestamp(micros=content)
        case '$duration':
            return Duration(micros=content)
        case '$pickle':
            return pickling.loads(base64.b64decode(content, validate=True))
        case '$type':
            return decode_fields(find_class(content), {key: item for key, item in data.items() if key != '$type'})
    raise GraphError(f'the graph holds a value of the unknown form {tag!r}; it may come from a newer bourne')


def find_class(path: str) -> type:
    """The portable class at ``module:Class``.

    Raises:
      GraphError: if there is none, or if it is not marked as portable.
    """
    module, _, name = path.partition(':')
    try:
        found: Any = importlib.import_module(module)
        for part in name.split('.'):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise GraphError(f'the graph names {path}, which is not installed here: {error}') from error
    if not isinstance(found, type) or not is_portable(found):
        raise GraphError(f'the graph names {path}, which is not a portable class')
    return found


@cache
def _fields(cls: type) -> dict[str, attrs.Attribute[Any]]:
    return {field.name: field for field in attrs.fields(cls)}


def decode_fields(cls: type, data: dict[str, Any]) -> Any:
    """An instance of a portable class from its fields; converters and ``__init__`` do not run again.

    Raises:
      GraphError: if a field is unknown or missing.
    """
    known = _fields(cls)
    unknown = data.keys() - known.keys()
    if unknown:
        raise GraphError(f'{cls.__qualname__} has no field {sorted(unknown)[0]!r}; '
                         f'the graph may come from another version of bourne')
    made: Any = object.__new__(cls)
    for name, field in known.items():
        if name in data:
            value = decode(data[name])
        elif field.default is attrs.NOTHING:
            raise GraphError(f'{cls.__qualname__} needs the field {name!r}, which the graph does not give')
        else:
            factory = getattr(field.default, 'factory', None)
            value = factory() if factory else field.default
        object.__setattr__(made, name, value)
    return made
