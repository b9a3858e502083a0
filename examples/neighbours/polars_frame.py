"""A lazy frame of polars: nothing is read or scored before it is collected."""

import polars as pl
from texts import TEXTS, show

import curate

frame = pl.LazyFrame({"text": TEXTS})
scored = curate.score_table(frame, scorer="edu")
show(scored.collect()["edu_score"].to_list())
