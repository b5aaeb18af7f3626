"""Colouring: held-out colour photos made grey and coloured again, against their own colours.

python benchmarks/colourise.py [--network file.onnx] [--sheets FOLDER] [--write]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.errors import PhotoNotWritten
from resilver.evaluate.colours import ColourScore, colour_score, colourfulness
from resilver.evaluate.suites import SuitePhoto, read_aged, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.chroma import lightness, luminance, to_lab, with_colours
from resilver.imaging.colouring import ColourHint
from resilver.imaging.measures import Picture
from resilver.imaging.tiles import to_float
from resilver.imaging.tone import TONED_255, colour_left
from resilver.models.store import StoredModel, bundled_model, stored_model
from resilver.photo import Photo
from resilver.stages.colourise import ColouriseStage
from resilver.stages.draft import Draft
from resilver.train.photos import find_shards

SEED = 20_261
LONGEST_PX = 768  # colours have no pixel scale
HINTS = (1, 5, 20)
LEAST_COLOUR = 10.0  # originals with less are nearly grey and tell nothing of colours
TIMED_PX = (3000, 4000)
# Of the baseline: photos of the training, a few of each pack.
PACKS = ("photos-clean", "photos-varied", "people-portrait", "people-street", "faces256-0")
A_PACK = 60
SHOWN, SHEET_PX, COLUMNS = 40, 190, 2

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class MeanColours:
    """The mean a*b* of training photos for every whole L*, (101, 2)."""

    table: NDArray[np.float32]

    @classmethod
    def of(cls, folder: Path) -> MeanColours:
        sums, counts = np.zeros((101, 2)), np.zeros(101)
        for pack in PACKS:
            shards = find_shards([folder / f"{pack}.tar"])
            for index in spread(len(shards), A_PACK):
                lab = to_lab(to_float(smaller(shards[index].read(), 128)))
                levels = np.rint(lab[..., 0]).astype(np.intp).clip(0, 100).ravel()
                counts += np.bincount(levels, minlength=101)
                for channel in (0, 1):
                    weights = lab[..., 1 + channel].ravel()
                    sums[:, channel] += np.bincount(levels, weights, minlength=101)
        return cls((sums / np.maximum(counts, 1)[:, None]).astype(np.float32))

    def colour(self, grey: Pixels) -> Picture:
        light = luminance(grey)
        ab = self.table[np.rint(lightness(light)).astype(np.intp).clip(0, 100)]
        return to_float(with_colours(light, ab))


def measure(arguments: argparse.Namespace) -> str:
    named = arguments.network
    model = bundled_model("colourise") if named is None else stored_model(named)
    baseline = MeanColours.of(arguments.data.parent / "train")
    suites = {
        "clean": list(read_photos(arguments.data / "clean")),
        "kodak": list(read_photos(arguments.data / "kodak")),
        "aged, before ageing": [p.clean for p in read_aged(arguments.data / "aged")],
    }
    scores: dict[str, dict[str, list[ColourScore]]] = {}
    panels: list[Pixels] = []
    for suite, photos in suites.items():
        scores[suite] = {}
        for index, photo in in_colour(photos, arguments.photos):
            grey = as_grey(photo)
            rng = np.random.default_rng((SEED, index))
            made = {"grey": to_float(grey), "mean colour": baseline.colour(grey)}
            made["colourise"] = coloured(model, grey, (), arguments.threads)
            for count in HINTS:
                made[with_hints(count)] = coloured(
                    model, grey, hints_of(photo, count, rng), arguments.threads
                )
            original = to_float(photo)
            for name, picture in made.items():
                scores[suite].setdefault(name, []).append(colour_score(picture, original))
            shown = [grey, photo, levels(made["colourise"]), levels(made[with_hints(5)])]
            panels.append(strip(shown))
            found = scores[suite]["colourise"][-1]
            note(f"{suite} {photos[index].name}: colourfulness {found.colourfulness:.0f} of "
                 f"{found.colourfulness_true:.0f}, off by {found.chroma_error:.1f}")  # fmt: skip
    if arguments.sheets is not None:
        arguments.sheets.mkdir(parents=True, exist_ok=True)
        chosen = [panels[index] for index in spread(len(panels), SHOWN)]
        save(sheet(chosen), arguments.sheets / "held-out.png")
        old = read_photos(arguments.data / "old")
        some = [old[index] for index in spread(len(old), arguments.photos)]
        save(sheet([old_panel(model, one, arguments.threads) for one in some]),
             arguments.sheets / "old.png")  # fmt: skip
    rows = [row for suite, by_name in scores.items() for row in rows_of(suite, by_name)]
    pixels = float(np.prod(TIMED_PX)) / 1e6
    return f"""## Colouring

Photos of `clean`, `kodak` and `aged` (as they were before ageing) that have colours, at {
        LONGEST_PX
    }
px: made grey by their lightness, coloured, and held against their own colours. Hints are points
drawn at random with the colour that the photo has there. A guess can be right and far from the
original: of a dress no grey tells whether it was red or blue. "Mean colour" gives every lightness
the mean colour that it has in the training's photos.

{
        markdown_table(
            [
                "suite, what coloured",
                "photos",
                "colourfulness / original's",
                "chroma error",
                "hue histograms apart",
                "leak at edges",
                "leak in originals",
            ],
            rows,
        )
    }

Medians over photos, of the leaks means. Colourfulness after Hasler and Suesstrunk (2003) as a share
of the original's; chroma error: mean distance in a*b*; hue histograms apart: 0 (alike) to 1; leak:
the share of a step of colour that lies beside the edge of lightness it belongs to. Colouring took
{figure(seconds(model, arguments.threads) / pixels, 3)} s a megapixel at {pixels:.0f} MP."""


def rows_of(suite: str, by_name: dict[str, list[ColourScore]]) -> list[list[str]]:
    return [
        [
            f"{suite}: {name}",
            str(len(found)),
            figure(middle(found, lambda one: one.colourfulness / one.colourfulness_true)),
            figure(middle(found, lambda one: one.chroma_error), 1),
            figure(middle(found, lambda one: one.hue_distance)),
            figure(mean_of_known([one.leak for one in found])),
            figure(mean_of_known([one.leak_true for one in found])),
        ]
        for name, found in by_name.items()
    ]


def mean_of_known(values: list[float]) -> float:
    """Without those that are not a number: photos without an edge between two colours."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def middle(found: list[ColourScore], of: Callable[[ColourScore], float]) -> float:
    return float(np.median([of(one) for one in found]))


def in_colour(photos: list[SuitePhoto], wanted: int | None) -> Iterator[tuple[int, Pixels]]:
    """(number, photo) of those that have colours of their own."""
    for index in spread(len(photos), wanted):
        photo = smaller(photos[index].read_u8(), LONGEST_PX)
        lively = colourfulness(to_float(photo)) >= LEAST_COLOUR
        if lively and colour_left(photo) >= TONED_255:
            yield index, photo


def as_grey(photo: Pixels) -> Pixels:
    """A photo without its colours; as light as it was in every place."""
    light = luminance(photo)
    return (with_colours(light, np.zeros((*light.shape, 2), np.float32)) >> 8).astype(np.uint8)


def coloured(
    model: StoredModel, grey: Pixels, hints: tuple[ColourHint, ...], threads: int | None
) -> Picture:
    stage = ColouriseStage(model, hints, threads=threads)
    return to_float(stage.apply(Draft(Photo.from_array(grey)), 1.0, ignore).photo.pixels)


def hints_of(photo: Pixels, count: int, rng: np.random.Generator) -> tuple[ColourHint, ...]:
    """Points of the photo with its colours there, the mean of five by five pixels."""
    calm = cv2.blur(photo, (5, 5))
    height, width = photo.shape[:2]
    places = zip(rng.integers(width, size=count), rng.integers(height, size=count), strict=True)
    hints: list[ColourHint] = []
    for x, y in places:
        red, green, blue = calm[y, x].tolist()
        hints.append(ColourHint(int(x), int(y), (red, green, blue)))
    return tuple(hints)


def with_hints(count: int) -> str:
    return f"colourise, {count} hint{'' if count == 1 else 's'}"


def seconds(model: StoredModel, threads: int | None) -> float:
    """Of the whole stage on a large photo, the best of three."""
    ramp = np.linspace(0, 255, TIMED_PX[1]).astype(np.uint8)
    large = np.ascontiguousarray(np.broadcast_to(ramp, TIMED_PX))
    stage, draft = ColouriseStage(model, threads=threads), Draft(Photo.from_array(large))
    taken: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        stage.apply(draft, 1.0, ignore)
        taken.append(time.perf_counter() - started)
    return min(taken)


def old_panel(model: StoredModel, photo: SuitePhoto, threads: int | None) -> Pixels:
    """A real old photo as it is, in the likeliest colours, and in those of another seed."""
    scan = smaller(photo.read_u8(), LONGEST_PX)
    shown = [scan]
    for seed in (0, 1):
        stage = ColouriseStage(model, seed=seed, threads=threads)
        done = stage.apply(Draft(Photo.from_array(scan)), 1.0, ignore).photo.pixels
        shown.append((done >> 8).astype(np.uint8))
    return strip(shown)


def strip(pictures: list[Pixels]) -> Pixels:
    """Pictures side by side at one height."""
    parts = [
        cv2.resize(one, (round(one.shape[1] * SHEET_PX / one.shape[0]), SHEET_PX),
                   interpolation=cv2.INTER_AREA) for one in pictures
    ]  # fmt: skip
    return np.concatenate([np.asarray(part, np.uint8) for part in parts], axis=1)


def sheet(panels: list[Pixels]) -> Pixels:
    width = max(panel.shape[1] for panel in panels)
    padded = [np.pad(one, ((0, 6), (0, width - one.shape[1] + 6), (0, 0))) for one in panels]
    while len(padded) % COLUMNS:
        padded.append(np.zeros_like(padded[0]))
    rows = [np.concatenate(padded[i : i + COLUMNS], 1) for i in range(0, len(padded), COLUMNS)]
    return np.concatenate(rows)


def save(picture: Pixels, path: Path) -> None:
    if not cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1])):
        raise PhotoNotWritten(path, "the sheet cannot be written")
    note(f"{path} written")


def levels(picture: Picture) -> Pixels:
    return np.rint(picture * 255).astype(np.uint8)


def smaller(photo: Pixels, longest_px: int) -> Pixels:
    factor = min(1.0, longest_px / max(photo.shape[:2]))
    size = (max(round(photo.shape[1] * factor), 1), max(round(photo.shape[0] * factor), 1))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def ignore(_share: float) -> None:
    pass


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument(
        "--network", type=Path, metavar="FILE", help="measure this one, not the bundled one"
    )
    command.add_argument(
        "--sheets", type=Path, metavar="FOLDER", help="write contact sheets to look at there"
    )
    run("colourise", command.parse_args(), measure)
