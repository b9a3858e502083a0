"""For tests, also users' own: the law of scorers as a check, and a practice server for annotation.

`from curate.testing.scorers import check_scorer`.
"""

from curate.testing.scorers import check_scorer

__all__ = ["check_scorer"]
