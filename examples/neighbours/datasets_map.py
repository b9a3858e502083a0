"""A dataset of `datasets`, whole and as a stream."""

import datasets
from texts import TEXTS, show

import curate

whole = datasets.Dataset.from_dict({"text": TEXTS})
scored = curate.score_table(whole, scorer="edu")
stream = curate.score_table(whole.to_iterable_dataset(), scorer="edu")
if [row["edu_score"] for row in stream] != scored["edu_score"][:]:
    raise SystemExit("the stream differs")
show(scored["edu_score"][:])
