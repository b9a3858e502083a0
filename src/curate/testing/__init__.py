"""For tests, also users' own: the laws of scorers and of screens as checks, and a practice server for annotation.

What users' tests need belongs here; tests of this package do not.

`from curate.testing import check_scorer, check_screen`.
"""

from curate.testing.scorers import check_scorer
from curate.testing.screens import check_screen

__all__ = ["check_scorer", "check_screen"]
