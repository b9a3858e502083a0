"""A DataFrame of pandas: the same frame, its index kept, with the scorer's columns."""

import pandas as pd
from texts import TEXTS, show

import curate

frame = pd.DataFrame({"text": TEXTS}, index=["plants", "shoes", "triangle"])
scored = curate.score_table(frame, scorer="edu")
show(scored["edu_score"].tolist())
