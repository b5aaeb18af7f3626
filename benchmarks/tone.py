"""Tone: photos whose colours were faded on purpose, revived, against the photos as they were.

python benchmarks/tone.py [--network file.onnx] [--write]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from arguments import note, parser, run
from resilver.ageing.dyes import FadingMix, fade_tones
from resilver.evaluate.suites import read_aged, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import Picture
from resilver.imaging.tiles import to_float
from resilver.models.store import bundled_model, stored_model
from resilver.photo import Photo
from resilver.stages.draft import Draft
from resilver.stages.tone import ToneStage

SEED = 20_260
LONGEST_PX = 512  # fading has no pixel scale; dE2000 of large pictures takes long
SETS = {"even": FadingMix(uneven=0.0), "uneven": FadingMix(uneven=1.0)}
TIMED_PX = (3000, 4000)


@dataclass(frozen=True)
class Trial:
    """One photo, faded, and what became of it: mean dE2000 to the photo as it was."""

    name: str
    found: bool  # whether the stage would act
    errors: dict[str, float]


def measure(arguments: argparse.Namespace) -> str:
    model = bundled_model("tone") if arguments.network is None else stored_model(arguments.network)
    stage = ToneStage(model, threads=arguments.threads)
    photos = [*read_photos(arguments.data / "clean"), *read_photos(arguments.data / "kodak")]
    chosen = spread(len(photos), arguments.photos)
    trials: dict[str, list[Trial]] = {name: [] for name in SETS}
    kept: list[float] = []
    false_alarms = 0
    for index in chosen:
        good = smaller(photos[index].read())
        for name, mix in SETS.items():
            rng = np.random.default_rng((SEED, index))
            faded = fade_tones(good, rng, mix, monochrome=bool(np.ptp(good, axis=2).max() < 0.02))
            trials[name].append(judge(stage, photos[index].name, faded, good))
        left, acted = revive(stage, good)
        kept.append(colour_distance(left, good))
        false_alarms += acted
        note(f"{photos[index].name}: {trials['even'][-1].errors}, good photo {kept[-1]:.2f}")
    prints = read_aged(arguments.data / "aged")
    foreign = [
        judge(stage, prints[at].name, prints[at].intact.read(), prints[at].clean.read())
        for at in spread(len(prints), arguments.photos)
    ]
    rows = [
        row(name, found)
        for name, found in (
            ("evenly faded", trials["even"]),
            ("unevenly faded", trials["uneven"]),
            ("suite `aged`, of another generator", foreign),
        )
    ]
    pixels = np.prod(TIMED_PX) / 1e6
    return f"""## Tone

`clean` and `kodak`, {len(chosen)} photos at {LONGEST_PX} px, each faded twice with fixed seeds
(`resilver.ageing.dyes`), and the prints of `aged` without damage, whose ageing (grain, tint, JPEG
besides fading) is not ours. Mean CIE dE2000 of a photo to what it was, median over photos; the
stage decides itself whether it acts.

{
        markdown_table(
            [
                "median dE2000",
                "as faded",
                "resilver tone",
                "grey-world + CLAHE",
                "percentile stretch",
                "found faded",
                "nearer than as faded",
            ],
            rows,
        )
    }

Good photos through the stage: dE2000 {figure(float(np.median(kept)))} at the median,
{figure(max(kept))} at most; {false_alarms} of {len(chosen)} were taken for faded. Applying it took
{figure(seconds(stage, photos[chosen[0]].read()) / pixels, 3)} s a megapixel at {pixels:.0f} MP."""


def judge(stage: ToneStage, name: str, faded: Picture, good: Picture) -> Trial:
    revived, found = revive(stage, faded)
    results = {"as faded": faded, "resilver tone": revived}
    results |= {baseline: change(faded) for baseline, change in BASELINES.items()}
    return Trial(name, found, {key: colour_distance(one, good) for key, one in results.items()})


def row(name: str, trials: list[Trial]) -> list[str]:
    columns = ["as faded", "resilver tone", *BASELINES]
    medians = [float(np.median([one.errors[column] for one in trials])) for column in columns]
    better = sum(one.errors["resilver tone"] < one.errors["as faded"] for one in trials)
    found = sum(one.found for one in trials)
    return [
        name, *(figure(value) for value in medians),
        f"{found} of {len(trials)}", f"{better} of {len(trials)}",
    ]  # fmt: skip


def revive(stage: ToneStage, picture: Picture) -> tuple[Picture, bool]:
    """What the stage makes of it by itself, and whether it acted."""
    draft = Draft(Photo.from_array(np.rint(picture * 255.0).astype(np.uint8)))
    finding, draft = stage.diagnose(draft, ignore)
    if not finding.act:
        return picture, False
    return to_float(stage.apply(draft, 1.0, ignore).photo.pixels), True


def seconds(stage: ToneStage, picture: Picture) -> float:
    """Of applying the stage to a large photo, the best of three."""
    height, width = TIMED_PX
    large = cv2.resize(np.rint(picture * 255.0).astype(np.uint8), (width, height))
    draft = Draft(Photo.from_array(np.asarray(large, np.uint8)))
    taken: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        stage.apply(draft, 1.0, ignore)
        taken.append(time.perf_counter() - started)
    return min(taken)


def grey_world_clahe(picture: Picture) -> Picture:
    """Channels scaled to one mean, then lightness by CLAHE (Zuiderveld 1994)."""
    means = picture.mean(axis=(0, 1))
    balanced = np.clip(picture * (means.mean() / np.maximum(means, 1e-3)), 0.0, 1.0)
    lab = cv2.cvtColor(np.rint(balanced * 255.0).astype(np.uint8), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).astype(np.float32) / np.float32(255)


def percentile_stretch(picture: Picture) -> Picture:
    """Each channel from its first to its last percentile."""
    low, high = np.percentile(picture, (1, 99), axis=(0, 1))
    return np.clip((picture - low) / np.maximum(high - low, 0.02), 0.0, 1.0).astype(np.float32)


BASELINES: dict[str, Callable[[Picture], Picture]] = {
    "grey-world + CLAHE": grey_world_clahe,
    "percentile stretch": percentile_stretch,
}


def colour_distance(first: Picture, second: Picture) -> float:
    """Mean CIE dE2000 over the pixels."""
    return float(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)).mean())


def smaller(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    factor = min(1.0, LONGEST_PX / max(height, width))
    size = (round(width * factor), round(height * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def ignore(_share: float) -> None:
    pass


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument(
        "--network", type=Path, metavar="FILE", help="measure this one, not the bundled one"
    )
    run("tone", command.parse_args(), measure)
