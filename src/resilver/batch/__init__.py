"""Many photos in one go: which files, what their results are called, how each one ended.

Nothing is printed here. `select` decides all that can be decided without opening a photo;
`restore_each` restores one after another, and a photo that fails never stops the rest.
"""

from resilver.batch.naming import Assignment, Naming, ReportKind, Result
from resilver.batch.running import BatchProgress, Outcome, Summary, explain, restore_each
from resilver.batch.searching import Refusal, find_photos
from resilver.batch.selection import Selection, select

__all__ = [
    "Assignment",
    "BatchProgress",
    "Naming",
    "Outcome",
    "Refusal",
    "ReportKind",
    "Result",
    "Selection",
    "Summary",
    "explain",
    "find_photos",
    "restore_each",
    "select",
]
