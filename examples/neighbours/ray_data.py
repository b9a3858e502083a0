"""Ray Data: the scorer is loaded by name in every worker, and the rows stay on the cluster."""

import ray
from texts import TEXTS, show

import curate

ray.init(num_cpus=1, log_to_driver=False, include_dashboard=False)
import ray.data  # noqa: E402

rows = ray.data.from_items([{"place": place, "text": text} for place, text in enumerate(TEXTS)])
scored = curate.score_table(rows, scorer="edu").sort("place")
show([float(row["edu_score"]) for row in scored.take_all()])
