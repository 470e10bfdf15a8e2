"""What both programs on Spark share: a session with all cores of this machine."""

from __future__ import annotations

from pyspark.sql import SparkSession


def session() -> SparkSession:
    """A session that runs here, as quietly as it can."""
    return (SparkSession.builder
            .master('local[*]')
            .config('spark.ui.enabled', 'false')
            .config('spark.log.level', 'ERROR')
            .config('spark.sql.shuffle.partitions', '4')
            .getOrCreate())
