"""Text -> numbers: every signal of the Gopher, C4 and FineWeb rules and the page statistics, in one pass."""

from curate.signals.catalogue import DEFAULT_SIGNALS, SIGNALS, Signal
from curate.signals.compute import compute_signals
from curate.signals.names import parse_signal

__all__ = ["DEFAULT_SIGNALS", "SIGNALS", "Signal", "compute_signals", "parse_signal"]
