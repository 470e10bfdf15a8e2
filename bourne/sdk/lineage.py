"""Lineage: which systems' data a pipeline read and wrote, as a metric."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from bourne.errors import TransformError
from bourne.sdk.metric_handles import BoundedTrie
from bourne.sdk.metric_results import MetricResults, MetricsFilter
from bourne.sdk.model.metric import MetricName

__all__ = ['Lineage']


class Lineage:
    """Records the fully qualified names of what is read or written.

    A name is ``system:segment.segment`` or ``system:subtype:segment.segment``, as in Google's Data Catalog.
    Where there are too many names, their common prefixes are kept.

    Args:
      label: ``Lineage.SOURCE`` or ``Lineage.SINK``.
    """

    LINEAGE_NAMESPACE = 'lineage'
    SOURCE = 'sources_v2'
    SINK = 'sinks_v2'

    _METRICS: ClassVar[dict[str, BoundedTrie]] = {
        SOURCE: BoundedTrie(MetricName(LINEAGE_NAMESPACE, SOURCE)),
        SINK: BoundedTrie(MetricName(LINEAGE_NAMESPACE, SINK)),
    }
    _RESERVED: ClassVar[re.Pattern[str]] = re.compile(r'[:\s.]')

    def __init__(self, label: str) -> None:
        self.metric = Lineage._METRICS[_checked(label)]

    @classmethod
    def sources(cls) -> Lineage:
        """For what is read."""
        return cls(Lineage.SOURCE)

    @classmethod
    def sinks(cls) -> Lineage:
        """For what is written."""
        return cls(Lineage.SINK)

    @staticmethod
    def wrap_segment(segment: str) -> str:
        """The segment, in backticks if it has colons, dots or white space and is not in backticks already."""
        if segment.startswith('`') and segment.endswith('`'):
            return segment
        return f'`{segment}`' if Lineage._RESERVED.search(segment) else segment

    @staticmethod
    def get_fq_name(system: str, *segments: str, subtype: str | None = None) -> str:
        """The fully qualified name of segments, each wrapped where it has to be."""
        path = '.'.join(map(Lineage.wrap_segment, segments))
        return ':'.join(part for part in (system, subtype, path) if part is not None)

    def add(self, system: str, *segments: str, subtype: str | None = None,
            last_segment_sep: str | None = None) -> None:
        """Records a name.

        Args:
          system: the system (``'bigquery'``); or, alone, a whole name.
          segments: the parts of the name, wrapped where they have to be.
          subtype: comes after the system.
          last_segment_sep: separates the parts of the last segment (``'/'`` for paths of files), so that many
            such names are summed up by their directories.
        """
        self.add_raw(*_parts(system, segments, subtype, last_segment_sep))

    def add_raw(self, *rollup_segments: str) -> None:
        """Records a name by its parts, with their separators: together they are the name."""
        self.metric.add(rollup_segments)

    @staticmethod
    def query(results: MetricResults, label: str, truncated_marker: str = '*') -> set[str]:
        """The names that a run recorded.

        Args:
          results: the run's metrics.
          label: ``Lineage.SOURCE`` or ``Lineage.SINK``.
          truncated_marker: ends a name that stands for all names that begin with it.
        """
        wanted = MetricsFilter().with_namespace(Lineage.LINEAGE_NAMESPACE).with_name(_checked(label))
        return {
            ''.join(map(str, path[:-1])) + (truncated_marker if path[-1] else '')
            for metric in results.query(wanted)[MetricResults.BOUNDED_TRIES]
            for trie in (metric.committed, metric.attempted) if trie is not None
            for path in trie.flattened()
        }


def _checked(label: str) -> str:
    if label not in (Lineage.SOURCE, Lineage.SINK):
        raise TransformError(f'lineage is kept for Lineage.SOURCE and Lineage.SINK, got {label!r}')
    return label


def _parts(system: str, segments: tuple[str, ...], subtype: str | None,
           separator: str | None) -> Iterator[str]:
    if not segments and subtype is None:
        # A name that is complete: Beam ends the system with a colon even then, which makes it another name.
        yield system
        return
    yield f'{system}:'
    if subtype:
        yield f'{subtype}:'
    *first, last = segments or ('',)
    yield from (f'{segment}.' for segment in first)
    *folders, name = last.split(separator) if separator else [last]
    yield from (f'{folder}{separator}' for folder in folders)
    yield name
