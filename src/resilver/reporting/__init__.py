"""A Report in its three forms: JSON for programs, a table for the terminal, a page for people."""

from resilver.reporting.page import to_html
from resilver.reporting.source_type import digital_source_type
from resilver.reporting.table import to_table
from resilver.reporting.values import to_json

__all__ = ["digital_source_type", "to_html", "to_json", "to_table"]
