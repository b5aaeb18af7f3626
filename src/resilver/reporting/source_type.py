"""What a result says of itself in its metadata: IPTC's digital source type."""

from __future__ import annotations

from resilver.photofile.source_types import ENHANCED, INPAINTED, INPAINTED_BY_NETWORK
from resilver.report import Report
from resilver.reporting.words import drew_in_enlarging

_INVENTING_NETWORKS = frozenset({"fill"})  # others find, measure or clean, and invent nothing
_INVENTING_STAGES = frozenset({"faces"})  # whatever its network is called


def digital_source_type(report: Report) -> str | None:
    """The URI of the term that fits what was done; None where nothing was.

    Parts filled or colours guessed by a trained network, parts filled by a classical algorithm, or
    corrections that leave the content as it was, in this order of weight.
    """
    acted = [record for record in report.stages if record.changed]
    if not acted:
        return None
    if report.coloured_share > 0.0:
        return INPAINTED_BY_NETWORK
    if report.invented_share <= 0.0:
        return ENHANCED
    networks = {name for record in acted for name, _, _ in record.models}
    stages = {record.finding.stage for record in acted}
    by_network = networks & _INVENTING_NETWORKS or stages & _INVENTING_STAGES
    return INPAINTED_BY_NETWORK if by_network or drew_in_enlarging(report) else INPAINTED
