"""State and timers: what a ``DoFn`` that remembers is written with. See ``docs/state.md``.

==============  =======================================================================================
module          what is in it
==============  =======================================================================================
``state``       specifications of cells, and the cells that functions get for them
``timer``       specifications of timers, the marks of methods, and the timers that functions get
``stateful``    what a function says of both, found and checked
==============  =======================================================================================
"""

from __future__ import annotations

from bourne.sdk.model.state import (
    AccumulatingRuntimeState,
    BagRuntimeState,
    BagStateSpec,
    CombiningValueRuntimeState,
    CombiningValueStateSpec,
    MapRuntimeState,
    MapStateSpec,
    OrderedListRuntimeState,
    OrderedListStateSpec,
    ReadModifyWriteRuntimeState,
    ReadModifyWriteStateSpec,
    RuntimeState,
    SetRuntimeState,
    SetStateSpec,
    StateSpec,
)
from bourne.sdk.model.stateful import get_dofn_specs, is_stateful_dofn, validate_stateful_dofn
from bourne.sdk.model.timer import BaseTimer, RuntimeTimer, TimeDomain, TimerSpec, on_timer, on_window_expiration

__all__ = [
    # Specifications
    'StateSpec', 'ReadModifyWriteStateSpec', 'BagStateSpec', 'SetStateSpec', 'CombiningValueStateSpec',
    'OrderedListStateSpec', 'MapStateSpec', 'TimerSpec', 'TimeDomain',
    # Methods
    'on_timer', 'on_window_expiration',
    # What functions get
    'RuntimeState', 'AccumulatingRuntimeState', 'ReadModifyWriteRuntimeState', 'BagRuntimeState', 'SetRuntimeState',
    'CombiningValueRuntimeState', 'OrderedListRuntimeState', 'MapRuntimeState', 'BaseTimer', 'RuntimeTimer',
    # Looking at functions
    'get_dofn_specs', 'is_stateful_dofn', 'validate_stateful_dofn',
]
