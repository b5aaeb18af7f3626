"""A Report made of real pictures, for the tests of its three forms."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.report import Report, StageRecord
from resilver.stages.draft import Face, Finding, Mark, Measurement

DAMAGE_SHA = "3f" * 32


def sample_report(
    before: NDArray[np.uint8],
    marks: NDArray[np.uint8],
    *,
    source: str = "grandmother.jpg",
    notices: tuple[str, ...] = (),
) -> Report:
    """What an honest repair (Telea), and nothing to do for the others, would report."""
    mask = (marks > 0).astype(np.uint8)
    after = np.asarray(cv2.inpaint(before, mask * 255, 5, cv2.INPAINT_TELEA), np.uint8)
    difference = np.abs(after.astype(np.int16) - before).max(axis=2).astype(np.uint8)
    changed = difference > 1
    share = float(mask.mean())
    kinds = {
        "scratch": Mark.SCRATCH,
        "missing": Mark.MISSING,
        "stain": Mark.STAIN,
        "dust": Mark.DUST,
    }
    repair = StageRecord(
        finding=Finding(
            "repair",
            act=True,
            words=f"{share * 100:.1f} % of the photo is damaged: scratches and stains.",
            measurements=(Measurement("damaged area", share * 100, "% of the photo", 0.05),),
        ),
        strength=1.0,
        why="found damage",
        seconds=2.84,
        models=(("damage", DAMAGE_SHA, "clean"), ("fill", "a0" * 32, "research")),
        changed_share=float(changed.mean()),
        mean_change_255=float(difference[changed].mean()) if changed.any() else 0.0,
    )
    denoise = StageRecord(
        finding=Finding(
            "denoise",
            act=False,
            words="There is little grain: 1.6 grey levels of 255.",
            measurements=(
                Measurement("noise", 1.6, "grey levels of 255", 2.5),
                Measurement("JPEG block strength", 0.31, "grey levels of 255", 1.0),
            ),
        ),
        strength=0.0,
        why="below its threshold",
        seconds=0.21,
        models=(),
        changed_share=0.0,
        mean_change_255=0.0,
    )
    faces = StageRecord(
        finding=Finding(
            "faces",
            act=False,
            words="No faces.",
            measurements=(Measurement("faces that lost detail", 0.0, "", 1.0),),
        ),
        strength=0.0,
        why="nothing to do",
        seconds=0.11,
        models=(("detect", "b1" * 32, "research"),),
        changed_share=0.0,
        mean_change_255=0.0,
    )
    return Report(
        source=source,
        size=(before.shape[0] * 2, before.shape[1] * 2),
        bit_depth=8,
        grey=False,
        format="jpeg",
        stages=(repair, denoise, faces),
        notices=notices,
        seconds=3.05,
        changed_share=float(changed.mean()),
        invented_share=share,
        damage_share={name: float((marks & mark > 0).mean()) for name, mark in kinds.items()},
        software="resilver 0.1.0",
        before=before,
        after=after,
        changed=difference,
        invented=mask * 255,
        damage=marks,
    )


def sample_faces(picture: NDArray[np.uint8]) -> tuple[Face, ...]:
    """One face that was restored, with a warning, and one hidden on purpose."""
    points = ((30.0, 40.0), (60.0, 40.0), (45.0, 55.0), (32.0, 70.0), (58.0, 70.0))
    return (
        Face(
            1,
            (20.0, 20.0, 70.04, 85.0),
            points,
            "lost detail",
            "detail is lost: its edges are blurred by 3.1 px",
            restored=True,
            similarity=0.41,
            warning="this may no longer be the same person: similarity 0.41, under 0.5",
            before=picture,
            after=255 - picture,
        ),
        Face(2, (120.0, 20.0, 170.0, 85.0), points, "hidden", "hidden on purpose: pixelated"),
    )
