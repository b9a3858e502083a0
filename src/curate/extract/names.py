"""What callers name before any page is read: extractors, their settings, columns. Loads nothing of the extractor itself."""

from __future__ import annotations

VERSION = "9"
"""Of the extractor 'curate': another one may give another text."""

EXTRACTORS = ("curate", "resiliparse", "trafilatura")
TEXT_FORMATS = ("plain", "markdown")

THRESHOLDS = {"balanced": 0.2, "precision": 1.0, "recall": -0.9}
"""By focus: the log-odds that a block must exceed. Fitted on snippets, see classifiers/extraction/."""

METADATA_FIELDS = ("page_language", "canonical_url", "published", "author")
