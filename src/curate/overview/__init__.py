"""A finished run at a glance: `read_overview` gives the numbers, `write_report` one HTML file."""

from curate.overview.page import write_report
from curate.overview.read import Example, Group, Overview, read_overview

__all__ = ["Example", "Group", "Overview", "read_overview", "write_report"]
