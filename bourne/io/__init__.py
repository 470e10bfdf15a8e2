"""Reading and writing: files, lines that arrive, and the contracts for sources and sinks of other systems.

A name is looked up in its module when it is used first, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bourne.io.csvio import ReadFromCsv, WriteToCsv
    from bourne.io.jsonio import ReadFromJson, WriteToJson
    from bourne.io.sockets import ReadFromSocket
    from bourne.io.tailing import TailText
    from bourne.io.textio import (
        ReadAllFromText,
        ReadAllFromTextContinuously,
        ReadFromText,
        ReadFromTextWithFilename,
        WriteToText,
    )
    from bourne.sdk.model.sink import Sink, Writer, WriteTask
    from bourne.sdk.model.source import Backlog, BoundedReader, Idle, Reader, Records, Source
    from bourne.sdk.transforms.read import Read
    from bourne.sdk.transforms.write import Write

_TEXT = 'bourne.io.textio'
_SOURCE = 'bourne.sdk.model.source'
_SINK = 'bourne.sdk.model.sink'

_HOMES = {
    'ReadFromText': _TEXT,
    'ReadFromTextWithFilename': _TEXT,
    'ReadAllFromText': _TEXT,
    'ReadAllFromTextContinuously': _TEXT,
    'WriteToText': _TEXT,
    'ReadFromJson': 'bourne.io.jsonio',
    'WriteToJson': 'bourne.io.jsonio',
    'ReadFromCsv': 'bourne.io.csvio',
    'WriteToCsv': 'bourne.io.csvio',
    'TailText': 'bourne.io.tailing',
    'ReadFromSocket': 'bourne.io.sockets',
    'Read': 'bourne.sdk.transforms.read',
    'Write': 'bourne.sdk.transforms.write',
    'Source': _SOURCE,
    'Reader': _SOURCE,
    'BoundedReader': _SOURCE,
    'Records': _SOURCE,
    'Backlog': _SOURCE,
    'Idle': _SOURCE,
    'Sink': _SINK,
    'Writer': _SINK,
    'WriteTask': _SINK,
}
_MODULES = ('csvio', 'fileio', 'filesystems', 'jsonio', 'textio')

__all__ = [
    'ReadFromText', 'ReadFromTextWithFilename', 'ReadAllFromText', 'ReadAllFromTextContinuously', 'WriteToText',
    'ReadFromJson', 'WriteToJson', 'ReadFromCsv', 'WriteToCsv', 'TailText', 'ReadFromSocket',
    'Read', 'Write',
    'Source', 'Reader', 'BoundedReader', 'Records', 'Backlog', 'Idle', 'Sink', 'Writer', 'WriteTask',
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f'bourne.io.{name}')
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
