"""Restores every photo of a folder from Python, and prints what was made up in each.

    python examples/restore_folder.py scans restored

The command `resilver restore scans -o restored --report html` does the same and more; this shows
how little it takes to build something of your own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from resilver import Photo, PhotoError, Pipeline
from resilver.errors import PhotoNotWritten
from resilver.photo import READABLE_SUFFIXES
from resilver.reporting import to_html


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scans", type=Path, help="folder of photos")
    parser.add_argument("out", type=Path, help="folder for the results")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    pipeline = Pipeline()  # loads its networks once, for all photos
    for path in sorted(given.scans.iterdir()):
        if path.suffix.lower() in READABLE_SUFFIXES:
            try:
                restore_one(pipeline, path, given.out)
            except PhotoError as error:  # one sentence, naming the file and the reason
                print(f"left out: {error}")


def restore_one(pipeline: Pipeline, path: Path, folder: Path) -> None:
    photo = Photo.open(path)
    # `suffix`: the photo's own, or that of the format which stands in for RAW and GIF.
    target = folder / f"{path.stem}_restored{photo.suffix}"
    page = folder / f"{path.stem}_report.html"
    for place in (target, page):
        if place.exists():
            raise PhotoNotWritten(place, "it is there already")
    restored, report = pipeline.restore(photo)
    restored.save(target)  # the file's metadata say what was done to it
    page.write_text(to_html(report), "utf-8")
    acted = [record.finding.stage for record in report.stages if record.acted]
    print(
        f"{path.name}: {', '.join(acted) or 'nothing to do'}, {report.invented_share:.2%} made up"
    )


if __name__ == "__main__":
    main()
