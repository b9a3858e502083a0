"""Text -> numbers: every signal of the Gopher, C4 and FineWeb rules and the page statistics, in one pass.

A number counted from text belongs here; a limit on it is a rule, and no page is dropped here.
"""

from curate.signals.catalogue import DEFAULT_SIGNALS, KIND_SIGNALS, SIGNALS, Signal
from curate.signals.compute import check_signals, compute_signals
from curate.signals.kinds import KINDS, find_kinds, select_lines
from curate.signals.names import parse_signal

__all__ = [
    "DEFAULT_SIGNALS",
    "KINDS",
    "KIND_SIGNALS",
    "SIGNALS",
    "Signal",
    "check_signals",
    "compute_signals",
    "find_kinds",
    "parse_signal",
    "select_lines",
]
