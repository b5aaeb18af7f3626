"""A Report as JSON: everything but the pictures, whose statistics stand in their place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from resilver.report import Report, StageRecord
from resilver.reporting.words import DAMAGE_KINDS, encodable, headline
from resilver.stages.draft import Face, Finding

SCHEMA = "resilver.report"
SCHEMA_VERSION = 1  # raised when a key changes its meaning or goes; new keys do not raise it

Json = Mapping[str, "Json"] | Sequence["Json"] | str | float | bool | None

EVIDENCE = (
    "The result is no evidence of who a person is or of what was where the scan shows damage; "
    "invented pixels, restored detail in faces among them, and the colours of a photo that was "
    "coloured are plausible guesses."
)


def to_json(report: Report) -> str:
    """The report as indented JSON text with stable keys, ending in a newline.

    Shares are in [0, 1], seconds wall-clock, changes in grey levels of 255; a figure that is not
    finite becomes null. `schema_version` is raised when a key changes its meaning or goes.
    """
    return dumps(report_values(report))


def dumps(values: Json, *, ascii_only: bool = False) -> str:
    """JSON text of values, the same for the same values; in ASCII it passes any terminal."""
    return json.dumps(values, indent=2, ensure_ascii=ascii_only, allow_nan=False) + "\n"


def report_values(report: Report) -> dict[str, Json]:
    """The report as plain values."""
    height, width = report.size
    large_height, large_width = report.result_size
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "software": report.software,
        "source": encodable(report.source),
        "size": {"height": height, "width": width},
        "result_size": {"height": large_height, "width": large_width},
        "enlarged": report.enlarged,
        "bit_depth": report.bit_depth,
        "grey": report.grey,
        "format": report.format,
        "headline": headline(report),
        "seconds": _number(report.seconds),
        "changed_share": _number(report.changed_share),
        "invented_share": _number(report.invented_share),
        "coloured_share": _number(report.coloured_share),
        "damage_share": {kind: _number(share) for kind, share in report.damage_share.items()},
        "stages": [_stage(record) for record in report.stages],
        "faces": [face_values(face) for face in report.faces],
        "notices": list(report.notices),
        "left_out": list(report.left_out),
        "pictures": {
            "before": _picture(report.before),
            "after": _picture(report.after),
            "changed": _picture(report.changed),
            "invented": {
                **_size(report.invented),
                "share": _number(float((report.invented > 0).mean())),
            },
            "damage": {
                **_size(report.damage),
                "share": {
                    kind.key: _number(float((report.damage & np.uint8(kind.mark) > 0).mean()))
                    for kind in DAMAGE_KINDS
                },
            },
        },
        "evidence": EVIDENCE,
    }


def diagnosis_values(
    size: tuple[int, int],
    bit_depth: int,
    grey: bool,
    form: str,
    findings: Sequence[Finding],
    faces: Sequence[Face],
    notices: Sequence[str],
) -> dict[str, Json]:
    """What was found in a photo that is as it came, as plain values."""
    height, width = size
    return {
        "size": {"height": height, "width": width},
        "bit_depth": bit_depth,
        "grey": grey,
        "format": form,
        "findings": [finding_values(finding) for finding in findings],
        "faces": [face_values(face) for face in faces],
        "notices": list(notices),
    }


def finding_values(finding: Finding) -> dict[str, Json]:
    """What a stage found, as plain values."""
    return {
        "stage": finding.stage,
        "found": finding.act,
        "words": finding.words,
        "measurements": [
            {
                "name": measurement.name,
                "value": _number(measurement.value),
                "unit": measurement.unit,
                "threshold": _number(measurement.threshold),
            }
            for measurement in finding.measurements
        ],
    }


def face_values(face: Face) -> dict[str, Json]:
    """What was found of a face and done to it, as plain values; no pictures."""
    left, top, right, bottom = (round(value, 1) for value in face.box)
    return {
        "number": face.number,
        "box": {"left": left, "top": top, "right": right, "bottom": bottom},
        "points": [{"x": round(x, 1), "y": round(y, 1)} for x, y in face.points],
        "verdict": face.verdict,
        "words": face.words,
        "restored": face.restored,
        "identity_similarity": _number(face.similarity),
        "warning": face.warning or None,
    }


def _stage(record: StageRecord) -> dict[str, Json]:
    return {
        **finding_values(record.finding),
        "acted": record.acted,
        "strength": _number(record.strength),
        "why": record.why,
        "seconds": _number(record.seconds),
        "changed_share": _number(record.changed_share),
        "mean_change_255": _number(record.mean_change_255),
        "models": [
            {"name": name, "sha256": sha256, "licence": licence}
            for name, sha256, licence in record.models
        ],
    }


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _size(picture: NDArray[np.uint8]) -> dict[str, Json]:
    return {"height": int(picture.shape[0]), "width": int(picture.shape[1])}


def _picture(picture: NDArray[np.uint8]) -> dict[str, Json]:
    return {
        **_size(picture),
        "mean_255": round(float(picture.mean()), 3),
        "spread_255": round(float(picture.std()), 3),
        "largest_255": int(picture.max()),
    }
