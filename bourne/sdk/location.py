"""Where the user's code is: the first frame of the stack that is not bourne's."""

from __future__ import annotations

import os
import sys
from types import FrameType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_location() -> str:
    """``file:line`` of the innermost frame outside of bourne, or ``''``."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f'{frame.f_code.co_filename}:{frame.f_lineno}' if frame else ''
