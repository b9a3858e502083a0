"""The notebook of the loop runs from top to bottom."""

from __future__ import annotations

from common import run_notebook
from curate.fit import metrics


def test_the_notebook_goes_around_the_loop(tmp_path, monkeypatch):
    bootstrap = metrics.bootstrap  # a thousand resamples for intervals that nobody reads here
    monkeypatch.setattr(
        metrics, "bootstrap", lambda measure, n, seed, _, **how: bootstrap(measure, n, seed, 20, **how)
    )
    assert "level 3 or more" in run_notebook("annotation_loop", tmp_path)
