"""Spark: a scorer as a `pandas_udf`; it is loaded once in each Python worker."""

from functools import cache

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf
from texts import TEXTS, show

import curate


@cache
def load() -> curate.Scorer:
    """The scorer, once a process."""
    return curate.load_scorer("edu")


@pandas_udf("float")
def edu_score(texts: pd.Series) -> pd.Series:
    """The scores of a batch."""
    return pd.Series(load().score(texts))


def main() -> None:
    """Start Spark here, score, and end it."""
    spark = SparkSession.builder.master("local[1]").getOrCreate()
    frame = spark.createDataFrame(list(enumerate(TEXTS)), ["place", "text"])
    rows = frame.withColumn("edu_score", edu_score("text")).orderBy("place").collect()
    spark.stop()
    show([row["edu_score"] for row in rows])


if __name__ == "__main__":
    main()
