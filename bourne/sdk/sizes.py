"""Sizes of memory and data as people write them: ``'4GB'``, ``'512MiB'``, ``1000000``."""

from __future__ import annotations

import re

#: Powers of 1000 without an ``i``, powers of 1024 with it, as in Beam's resource hints.
_UNITS: dict[str, int] = {
    prefix + middle + 'b': int(base**power)
    for middle, base in (('', 1000), ('i', 1024))
    for power, prefix in enumerate(('', 'k', 'm', 'g', 't', 'p'))
    if prefix or not middle
}
_SIZE = re.compile(r'(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)', re.ASCII)


def parse_size(text: str | int) -> int:
    """A number of bytes.

    Args:
      text: an int of bytes, or a number followed by ``B``, ``KB`` to ``PB`` (powers of 1000) or ``KiB`` to
        ``PiB`` (powers of 1024), in any case; a number alone is bytes.

    Returns:
      The bytes, rounded to a whole number.

    Raises:
      ValueError: if the text is not of that form, or negative.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    match = _SIZE.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    factor = _UNITS.get(match[2] or 'b') if match else None
    if match is None or factor is None:
        raise ValueError(
            f"a size is a number with B, KB to PB or KiB to PiB, such as '4GB' or '512MiB'; "
            f'got {text!r} ({type(text).__name__})')
    # An integer stays exact: floats are whole numbers only up to 2**53.
    return int(match[1]) * factor if match[1].isdigit() else round(float(match[1]) * factor)
