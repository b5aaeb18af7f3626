"""A Report in its three forms: JSON for programs, a table for the terminal, a page for people."""

from resilver.reporting.page import to_html
from resilver.reporting.table import to_table
from resilver.reporting.values import to_json

__all__ = ["to_html", "to_json", "to_table"]
