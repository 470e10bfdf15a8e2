"""The jobs on Polars: lazy queries, run by its streaming engine with all cores."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from benchmarks.peers.program import main

Paths = Sequence[str]


def _read(path: str, *columns: str) -> pl.LazyFrame:
    return pl.scan_csv(path, has_header=False, new_columns=list(columns))


def _write(rows: pl.LazyFrame, folder: str) -> None:
    rows.sink_csv(f'{folder}/result', separator=' ', include_header=False, quote_style='never')


def wordcount(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    words = pl.scan_lines(paths[0], name='line').select(pl.col('line').str.split(' ').alias('word')).explode('word')
    _write(words.group_by('word').len(), folder)


def chain_of_maps(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    x = pl.col('x')
    numbers = _read(paths[0], 'x').select(x + 1).filter(x % 3 != 0).select(x * 2).filter(x % 5 != 0).select(x - 7)
    _write(numbers.sum(), folder)


def windows(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    start = pl.from_epoch('second').dt.truncate('10s').dt.epoch('s').alias('start')
    _write(_read(paths[0], 'user', 'value', 'second').group_by('user', start).agg(pl.sum('value')), folder)


def join(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    left, right = (_read(path, 'key', name) for name, path in zip(('one', 'other'), paths))
    _write(left.join(right, on='key').group_by('key').agg((pl.col('one') * pl.col('other')).sum()), folder)


def top(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    best = pl.col('score').top_k(10).sort(descending=True).cast(pl.String).str.join(' ')
    _write(_read(paths[0], 'key', 'score').group_by('key').agg(best), folder)


def skew(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    median = pl.col('value').quantile(0.5, 'lower').cast(pl.Int64)
    _write(_read(paths[0], 'key', 'value').group_by('key').agg(median), folder)


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    main(JOBS, {})
