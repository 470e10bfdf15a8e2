"""The jobs on Spark, with expressions over its DataFrames."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from benchmarks.peers.program import main
from benchmarks.peers.spark import session

Paths = Sequence[str]
SESSION = session()


def _read(path: str, schema: str) -> DataFrame:
    return SESSION.read.csv(path, schema=schema)


def _write(rows: DataFrame, folder: str) -> None:
    rows.select(F.concat_ws(' ', *rows.columns)).write.text(f'{folder}/result')


def wordcount(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    words = SESSION.read.text(paths[0]).select(F.explode(F.split('value', ' ')).alias('word'))
    _write(words.groupBy('word').count(), folder)


def chain_of_maps(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    x = F.col('x')
    numbers = (_read(paths[0], 'x long')
               .select((x + 1).alias('x')).where(x % 3 != 0)
               .select((x * 2).alias('x')).where(x % 5 != 0)
               .select((x - 7).alias('x')))
    _write(numbers.select(F.sum('x')), folder)


def windows(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    events = _read(paths[0], 'user string, value long, second long').withColumn('time', F.timestamp_seconds('second'))
    sums = events.groupBy('user', F.window('time', '10 seconds')).agg(F.sum('value').alias('total'))
    _write(sums.select('user', F.unix_timestamp('window.start').alias('start'), 'total'), folder)


def join(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    left, right = (_read(path, f'key string, {name} long') for name, path in zip(('one', 'other'), paths))
    _write(left.join(right, 'key').groupBy('key').agg(F.sum(F.col('one') * F.col('other'))), folder)


def top(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    rank = F.row_number().over(Window.partitionBy('key').orderBy(F.desc('score')))
    best = _read(paths[0], 'key string, score long').withColumn('rank', rank).where('rank <= 10')
    scores = F.sort_array(F.collect_list('score'), asc=False).cast('array<string>')
    _write(best.groupBy('key').agg(F.concat_ws(' ', scores)), folder)


def skew(paths: Paths, folder: str) -> None:
    """See ``by_hand.py``."""
    median = F.expr('percentile_disc(0.5) within group (order by value)').cast('long').alias('median')
    _write(_read(paths[0], 'key string, value long').groupBy('key').agg(median), folder)


JOBS = {'wordcount': wordcount, 'chain': chain_of_maps, 'windows': windows, 'join': join, 'top': top, 'skew': skew}

if __name__ == '__main__':
    main(JOBS, {})
