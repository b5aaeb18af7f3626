"""Real old photographs: sheets of before | found damage | after, to be looked at.

python benchmarks/old.py --out sheets/old.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.errors import PhotoNotWritten
from resilver.evaluate.suites import read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline
from resilver.report import Report
from resilver.stages.draft import Mark

Sheet = NDArray[np.uint8]
COLOURS: dict[Mark, tuple[int, int, int]] = {
    Mark.SCRATCH: (255, 40, 40),
    Mark.MISSING: (60, 90, 255),
    Mark.STAIN: (255, 210, 0),
    Mark.DUST: (0, 230, 60),
}
STRIP_PX = 26  # height of the caption above a photo
GAP_PX = 6


def measure(arguments: argparse.Namespace) -> str:
    pipeline = Pipeline(Options(threads=arguments.threads))
    photos = read_photos(arguments.data / "old")
    panels: list[Sheet] = []
    rows: list[list[str]] = []
    for index in spread(len(photos), arguments.photos):
        _restored, report = pipeline.restore(Photo.open(photos[index].path))
        panels.append(panel(photos[index].name, report, arguments.height))
        damaged = float((report.damage > 0).mean())
        acted = [record.finding.stage for record in report.stages if record.acted]
        rows.append([photos[index].name, figure(100 * damaged), figure(100 * report.changed_share),
                     " + ".join(acted) or "nothing"])  # fmt: skip
        note(f"{photos[index].name}: {100 * damaged:.2f} % damaged")
    for number, sheet in enumerate(sheets(panels, arguments.width, arguments.page), 1):
        save(sheet, arguments.out.with_stem(f"{arguments.out.stem}_{number:02d}"))
    return f"""## Real old photographs

`old`, {len(rows)} photographs; nothing is measured against a truth, the sheets are looked at.
On them: before, found (red scratch, blue missing, yellow stain, green dust), after.

{markdown_table(["photo", "called damaged %", "changed %", "acted"], rows)}"""


def panel(name: str, report: Report, height_px: int) -> Sheet:
    """before | found damage | after of one photo, under a caption."""
    height, width = report.before.shape[:2]
    # A scratch one pixel wide must still be seen on the smaller picture.
    thick = np.ones((max(height // height_px, 1),) * 2, np.uint8)
    found = report.before // 2
    for mark, colour in COLOURS.items():
        found[cv2.dilate(report.damage & np.uint8(mark), thick) != 0] = colour
    size = (max(round(width * height_px / height), 1), height_px)
    shown = [
        np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        for picture in (report.before, found, report.after)
    ]
    pictures = np.hstack(shown)
    caption = np.full((STRIP_PX, pictures.shape[1], 3), 24, np.uint8)
    acted = " + ".join(record.finding.stage for record in report.stages if record.acted)
    text = f"{name}: {acted or 'nothing to do'}"
    cv2.putText(caption, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1,
                cv2.LINE_AA)  # fmt: skip
    return np.vstack([caption, pictures])


def sheets(panels: list[Sheet], width_px: int, page_px: int) -> list[Sheet]:
    """Panels side by side in rows of at most `width_px`, rows on pages of at most `page_px`."""
    rows: list[list[Sheet]] = [[]]
    for one in panels:
        if rows[-1] and sum(p.shape[1] + GAP_PX for p in rows[-1]) + one.shape[1] > width_px:
            rows.append([])
        rows[-1].append(one)
    pages: list[list[list[Sheet]]] = [[]]
    for row in rows:
        if pages[-1] and (len(pages[-1]) + 1) * (row[0].shape[0] + GAP_PX) > page_px:
            pages.append([])
        pages[-1].append(row)
    return [page_of(page) for page in pages]


def page_of(rows: list[list[Sheet]]) -> Sheet:
    width = max(sum(one.shape[1] + GAP_PX for one in row) for row in rows)
    height = sum(row[0].shape[0] + GAP_PX for row in rows)
    page = np.full((height, width, 3), 60, np.uint8)
    top = 0
    for row in rows:
        left = 0
        for one in row:
            page[top : top + one.shape[0], left : left + one.shape[1]] = one
            left += one.shape[1] + GAP_PX
        top += row[0].shape[0] + GAP_PX
    return page


def save(sheet: Sheet, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise PhotoNotWritten(path, "the sheet could not be written")
    note(f"{path}")


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--out", type=Path, required=True, help="PNG; pages are numbered")
    command.add_argument("--height", type=int, default=360, help="of a photo on the sheet, px")
    command.add_argument("--width", type=int, default=2400, help="of a sheet, px")
    command.add_argument("--page", type=int, default=1700, help="height of a sheet, px")
    run("old", command.parse_args(), measure)
