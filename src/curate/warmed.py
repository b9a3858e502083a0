"""`import curate.warmed` has the main job run once: for processes that others are forked from (`curate.work.local`)."""

from curate.warming import warm

warm()
