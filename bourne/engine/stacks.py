"""What a stack of frames was doing: for which transform, in which part of the engine, at which line of the user's.

A stack is read from the inside out::

    json/decoder.py  raw_decode                          library
    parse.py:12      parse                               the user's: the line that is told
    <bourne stage>   stage                               generated: its line knows the transform
    program.py       Program._run
    task.py          StageInstance.run                   the end of what belongs to the stage
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from types import FrameType
from typing import NamedTuple

from bourne.engine.plan.stage import Stage
from bourne.engine.program.program import Program
from bourne.sdk.model.metric import PROGRAMS
from bourne.sdk.model.metric import Program as Registered
from bourne.sdk.model.profile import Spot

#: What the engine does in each of its modules, where that has a name of its own.
PARTS: Mapping[str, str] = {
    f'{module}.py': part for part, modules in {
        'combine': ('engine/program/tables',),
        'exchange': ('engine/exchange',),
        'group': ('engine/grouping', 'engine/firing', 'engine/gathering', 'engine/mergingpanes', 'engine/panes',
                  'engine/triggers', 'engine/windowtables'),
        'spill': ('engine/oversize',),
        'state': ('engine/cells', 'engine/state', 'engine/timers'),
        'store': ('runners/common/encoding', 'runners/common/filepacker', 'runners/common/filestore',
                  'runners/common/spillstore', 'runners/common/squeezing'),
        'side input': ('engine/sideinputs',),
    }.items() for module in modules
}
#: What an operator is about, apart from calling a user's function.
KINDS: Mapping[str, str] = {
    'Read': 'read', 'Write': 'write', 'GroupByKey': 'group', 'Combine': 'combine', 'PreCombine': 'combine',
    'MergeCombine': 'combine', 'Reshuffle': 'exchange',
}
#: Whose frames end what belongs to a stage.
_END = 'engine/task.py'
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_STEP = Program.step.__code__

_USER, _LIBRARY, _ENGINE = 'user', 'library', 'engine'


class Watched(NamedTuple):
    """A stage that a thread is busy with.

    Attributes:
      number: the stage's number in the plan, from 1.
      steps: for the label of each operator, the label of the user's transform and what it is about.
      program: the stage's program; ``None`` while it is being made.
    """

    number: int
    steps: Mapping[str, tuple[str, str]]
    program: Program | None

    @classmethod
    def of(cls, number: int, stage: Stage, program: Program | None) -> Watched:
        """Watches a stage."""
        return cls(number, {op.label: (op.user_label, KINDS.get(op.kind, 'function')) for op in stage.ops}, program)


def spot_of(frame: FrameType | None, watched: Watched) -> Spot:
    """What a stack was doing.

    Args:
      frame: its innermost frame.
      watched: the stage that the thread is busy with.
    """
    label, part = '', ''
    users: FrameType | None = None
    called: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        registered = PROGRAMS.get(id(code))
        if registered is not None:
            label = _step_of_line(registered, _line_number(frame))
            break
        if code is _STEP:
            label = watched.program.metrics.default_step if watched.program is not None else ''
            break
        origin = _origin(code.co_filename)
        if origin == _END:
            break
        if origin == _USER:
            users = users or frame
        elif origin == _LIBRARY:
            called = frame
        elif origin != _ENGINE:
            part = part or origin
        frame = frame.f_back
    step, about = watched.steps.get(label, ('', 'engine'))
    if not part and about in ('function', 'combine'):
        users = users or called  # a function of a library, called as it is
    return Spot(watched.number, step, part or about, _line(users) if users is not None else '')


def _step_of_line(program: Registered, line: int) -> str:
    """The label of the operator that a line of generated source belongs to: lines without one follow those with one."""
    for near in (*range(line, 0, -1), *range(line + 1, line + 20)):
        label = program.line_to_step(near)
        if label is not None:
            return label
    return ''


def _line_number(frame: FrameType) -> int:
    """The line that a frame is at: that of the instruction before it, for one that belongs to no line."""
    if frame.f_lineno is not None:
        return frame.f_lineno
    lines = [line for start, _, line in frame.f_code.co_lines() if line is not None and start <= frame.f_lasti]
    return lines[-1] if lines else frame.f_code.co_firstlineno


@cache
def _origin(file: str) -> str:
    """Whose code is in a file: the user's, a library's, the engine's, or a part of the engine with a name."""
    if file.startswith(_HOME):
        name = file[len(_HOME):].replace(os.sep, '/')
        if name.startswith(('engine/', 'runners/')):
            return name if name == _END else PARTS.get(name, _ENGINE)
        return _LIBRARY
    parts = file.replace(os.sep, '/')
    if file.startswith((_STDLIB, '<frozen', '<attrs')) or '/site-packages/' in parts or '/dist-packages/' in parts:
        return _LIBRARY
    return _USER


def _line(frame: FrameType) -> str:
    code = frame.f_code
    return f'{_short_path(code.co_filename)}:{_line_number(frame)} {code.co_qualname}'


@cache
def _short_path(file: str) -> str:
    """The path as it is shortest: within the working directory, or within a directory that modules are found in."""
    bases = [base.rstrip(os.sep) + os.sep for base in (os.getcwd(), *sys.path) if base]
    return min((file[len(base):] for base in bases if file.startswith(base)), key=len, default=file)
