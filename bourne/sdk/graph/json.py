"""Graphs as JSON text, with a version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from bourne.errors import GraphError
from bourne.sdk.graph import codec
from bourne.sdk.graph.nodes import KINDS, Collection, Composite, Transform
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing

if TYPE_CHECKING:
    from bourne.sdk.graph.graph import Graph

T = TypeVar('T')

FORMAT = 'bourne-graph'
VERSION = 1


def to_json(graph: Graph, indent: int | None = None) -> str:
    """The graph as JSON text.

    Args:
      graph: the graph.
      indent: spaces of indentation, or ``None`` for one compact line.

    Raises:
      bourne.errors.PickleError: if a user function cannot be serialised; names transform and variable.
    """
    windowings: list[Windowing] = []
    collections = {}
    for collection in graph.collections.values():
        if collection.windowing not in windowings:
            windowings.append(collection.windowing)
        entry: dict[str, Any] = {'type': collection.type, 'windowing': windowings.index(collection.windowing)}
        if not collection.bounded:
            entry['bounded'] = False
        collections[collection.id] = entry
    document = {
        'format': FORMAT,
        'version': VERSION,
        'options': codec.encode(dict(graph.options), 'the pipeline options'),
        'windowings': [codec.encode(windowing, 'a windowing strategy') for windowing in windowings],
        'collections': collections,
        'transforms': [_encode_transform(transform) for transform in graph.transforms],
        'composites': [_encode_composite(composite) for composite in graph.composites],
    }
    return json.dumps(document, indent=indent)


def _encode_transform(transform: Transform) -> dict[str, Any]:
    what = transform.label + (f' ({transform.location})' if transform.location else '')
    entry = {
        'label': transform.label,
        'kind': transform.kind,
        'payload': codec.encode_fields(transform.payload, what),
        'inputs': list(transform.inputs),
        'side_inputs': list(transform.side_inputs),
        'outputs': dict(transform.outputs),
        'parent': transform.parent,
        'location': transform.location,
        'hints': codec.encode(dict(transform.hints), what),
        'display': codec.encode(dict(transform.display), what),
    }
    return {key: value for key, value in entry.items() if value or key in ('label', 'kind')}


def _encode_composite(composite: Composite) -> dict[str, Any]:
    entry = {
        'label': composite.label,
        'parent': composite.parent,
        'name': composite.name,
        'inputs': list(composite.inputs),
        'outputs': dict(composite.outputs),
        'location': composite.location,
        'display': codec.encode(dict(composite.display), composite.label),
    }
    return {key: value for key, value in entry.items() if value or key == 'label'}


def from_json(text: str) -> dict[str, Any]:
    """What the graph of :func:`to_json`'s text is made of: the arguments of ``Graph``, by name.

    Raises:
      GraphError: if the text is not such a graph, is of an unknown version, or holds a transform of an unknown kind.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise GraphError(f'not a graph: the text is not JSON: {error}') from error
    if not isinstance(document, dict) or document.get('format') != FORMAT:
        raise GraphError(f'not a graph: the JSON has no "format": "{FORMAT}"')
    if document.get('version') != VERSION:
        raise GraphError(f'the graph has version {document.get("version")!r}, and this bourne reads version {VERSION}')
    try:
        return _decode(document)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise GraphError(f'the graph is not well formed: {type(error).__name__}: {error}') from error


def _decode(document: dict[str, Any]) -> dict[str, Any]:
    windowings = [_windowing(item) for item in document['windowings']]
    return {
        'transforms': tuple(_decode_transform(entry) for entry in _list(document, 'transforms')),
        'collections': {
            name: Collection(name, windowings[entry['windowing']], entry.get('bounded', True) is True,
                             _text(entry, 'type'))
            for name, entry in _dict(document, 'collections').items()},
        'composites': tuple(_decode_composite(entry) for entry in _list(document, 'composites')),
        'options': _decoded_dict(document, 'options'),
    }


def _windowing(data: Any) -> Windowing:
    windowing = codec.decode(data)
    if not isinstance(windowing, Windowing):
        raise GraphError(f'the graph is not well formed: {windowing!r} stands where a windowing strategy belongs')
    return DEFAULT_WINDOWING if windowing == DEFAULT_WINDOWING else windowing


def _decode_transform(entry: dict[str, Any]) -> Transform:
    kind = _text(entry, 'kind')
    if kind not in KINDS:
        raise GraphError(f'{entry["label"]}: unknown kind of transform {kind!r}; known: {", ".join(sorted(KINDS))}')
    return Transform(
        label=_text(entry, 'label'),
        payload=codec.decode_fields(KINDS[kind], _dict(entry, 'payload')),
        inputs=_names(entry, 'inputs'),
        side_inputs=_names(entry, 'side_inputs'),
        outputs=_tagged(entry),
        parent=_text(entry, 'parent', ''),
        location=_text(entry, 'location', ''),
        hints=_decoded_dict(entry, 'hints'),
        display=_decoded_dict(entry, 'display'),
    )


def _decode_composite(entry: dict[str, Any]) -> Composite:
    return Composite(
        label=_text(entry, 'label'), parent=_text(entry, 'parent', ''), name=_text(entry, 'name', ''),
        inputs=_names(entry, 'inputs'), outputs=_tagged(entry), location=_text(entry, 'location', ''),
        display=_decoded_dict(entry, 'display'))


# Parts of a document, of the types that they must have.


def _text(entry: dict[str, Any], key: str, default: str | None = None) -> str:
    return _checked(key, str, entry[key] if default is None else entry.get(key, default))


def _list(entry: dict[str, Any], key: str) -> list[Any]:
    return _checked(key, list, entry.get(key, []))


def _dict(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return _checked(key, dict, entry.get(key, {}))


def _names(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_checked(key, str, name) for name in _list(entry, key))


def _tagged(entry: dict[str, Any]) -> dict[str, str]:
    return {tag: _checked('outputs', str, name) for tag, name in _dict(entry, 'outputs').items()}


def _decoded_dict(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return _checked(key, dict, codec.decode(entry.get(key, {})))


def _checked(key: str, kind: type[T], value: Any) -> T:
    if not isinstance(value, kind):
        raise GraphError(f'the graph is not well formed: {value!r} stands in {key!r}, where a {kind.__name__} belongs')
    return value
