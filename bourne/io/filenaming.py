"""Names of the files of ``WriteToFiles``, and what is known of a file once it is written.

A naming is a function of window, pane, shard index, number of shards, compression (the extension without
the dot, or empty) and destination. It returns a file name, with directories if there are to be some, that
no other combination of these has. Those here give ``prefix-start-end-00000-of-00001suffix``, without what
does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import attrs

from bourne.errors import TransformError
from bourne.sdk.model.portable import portable
from bourne.sdk.model.window import GlobalWindow

#: A naming function.
FileNaming = Callable[[Any, Any, int, int, str, Any], str]


class FileResult(NamedTuple):
    """A file that was written.

    Attributes:
      file_name: its name, below the path that ``WriteToFiles`` was given.
      shard_index: its number among the files of its window and destination.
      total_shards: how many these are.
      window: the window of its elements.
      pane: not used yet.
      destination: the destination of its elements.
    """

    file_name: str
    shard_index: int
    total_shards: int
    window: Any
    pane: Any
    destination: Any


@portable
@attrs.frozen
class TemplateNaming:
    """Names of the form ``prefix-start-end-00000-of-00001suffix.gz``.

    Attributes:
      prefix: how names begin; ``None`` for the destination.
      suffix: how they end, before what stands for the compression.
      numbered: whether they have the number of the shard.
    """

    prefix: str | None = None
    suffix: str | None = None
    numbered: bool = True

    def __call__(
        self, window: Any, pane: Any, shard_index: int | None, total_shards: int | None, compression: str,
        destination: Any,
    ) -> str:
        parts = [str(destination) if self.prefix is None else self.prefix]
        if window is not None and not isinstance(window, GlobalWindow):
            parts += [window.start.to_utc_datetime().isoformat(), window.end.to_utc_datetime().isoformat()]
        if self.numbered:
            parts += [f'{number:05d}' for number in (shard_index,) if number is not None]
            parts += [f'of-{number:05d}' for number in (total_shards,) if number is not None]
        elif total_shards not in (1, None):
            raise TransformError(
                f'single_file_naming has one name for {total_shards} files: use it with '
                'WriteToFiles(shards=1, max_writers_per_bundle=0)')
        return '-'.join(parts) + (self.suffix or '') + (f'.{compression}' if compression else '')


def default_file_naming(prefix: str, suffix: str | None = None) -> TemplateNaming:
    """Names that begin with a prefix.

    Args:
      prefix: how names begin.
      suffix: how they end.
    """
    return TemplateNaming(prefix, suffix)


def prefix_naming(prefix: str) -> TemplateNaming:
    """The same as :func:`default_file_naming` without a suffix."""
    return TemplateNaming(prefix)


def destination_prefix_naming(suffix: str | None = None) -> TemplateNaming:
    """Names that begin with the destination.

    Args:
      suffix: how they end.
    """
    return TemplateNaming(None, suffix)


def single_file_naming(prefix: str, suffix: str | None = None) -> TemplateNaming:
    """Names without a number, where each window and destination has a single file.

    Args:
      prefix: how names begin.
      suffix: how they end.
    """
    return TemplateNaming(prefix, suffix, numbered=False)
