"""Damage recognition: pixel F1 on the suite `aged`, and image by image on held-out ageing too.

python benchmarks/recognition.py [--prints 200] [--write]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from arguments import note, parser, run
from resilver.ageing import KINDS
from resilver.evaluate.recognition import (
    CONDITIONS,
    PRESENT_PX,
    Case,
    ImageCalls,
    Recogniser,
    age_held_out,
    condition_calls,
    judge,
    kind_calls,
)
from resilver.evaluate.references import film_dust_map
from resilver.evaluate.suites import read_aged, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import (
    TOLERANCE_PX,
    Agreement,
    Mask,
    Picture,
    agreement,
    mean_scores,
    pooled_scores,
)
from resilver.imaging.tiles import to_float
from resilver.models.session import OrtNetwork
from resilver.stages.repair import SUSPICION_SHARE

DUST_THRESHOLDS = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)


@dataclass
class Dust:
    """The film-dust network beside ours: its agreement at each threshold, photo by photo."""

    network: OrtNetwork
    photos: dict[float, list[Agreement]] = field(
        default_factory=lambda: {threshold: [] for threshold in DUST_THRESHOLDS}
    )

    def look(self, picture: Picture, truth: Mask) -> None:
        probability = film_dust_map(self.network, picture)
        for threshold, found in self.photos.items():
            found.append(agreement(probability > threshold, truth))

    def rows(self) -> list[list[str]]:
        best = max(self.photos, key=lambda threshold: pooled_scores(self.photos[threshold]).f1)
        name = "film-dust-unet-dust8, all kinds"
        return [
            _pixel_row(f"{name}, at 0.5", self.photos[0.5]),
            _pixel_row(f"{name}, at its best here, {best:g}", self.photos[best]),
        ]


def measure(arguments: argparse.Namespace) -> str:
    recogniser = Recogniser(arguments.threads)
    dust = OrtNetwork(arguments.weights / "film-dust-unet-dust8.onnx", arguments.threads)
    prints = read_aged(arguments.data / "aged")
    aged: list[Case] = []
    dust_aged = Dust(dust)
    for index in spread(len(prints), arguments.photos):
        masks, picture = prints[index].read_masks(), prints[index].aged
        aged.append(judge(recogniser.look(picture.read_u8()), masks, (prints[index].faded,)))
        dust_aged.look(picture.read(), masks.any(axis=-1))
    note(f"aged: {len(aged)} prints")

    photos = [*read_photos(arguments.data / "clean"), *read_photos(arguments.data / "kodak")]
    own: list[Case] = []
    dust_own = Dust(dust)
    for made in age_held_out(photos, arguments.prints):
        own.append(judge(recogniser.look(made.pixels), made.masks, (made.faded, made.cast)))
        dust_own.look(to_float(made.pixels), made.masks.any(axis=-1))
        if len(own) % 50 == 0:
            note(f"own ageing: {len(own)} of {arguments.prints} prints")

    return f"""## Damage recognition

Pixels: precision is the share of found pixels within {TOLERANCE_PX:g} px (Euclidean) of a true
one, recall the share of true pixels within {TOLERANCE_PX:g} px of a found one. *Pooled* counts all
pixels of the suite together (the figure we quote); *mean* is the mean of every photo's own F1.
*Told*: the product with `--force repair`, which believes doubtful marks as well.

`aged`: {len(aged)} prints aged by a generator that is not ours.

{pixel_table(aged, dust_aged)}

Own ageing: {len(own)} prints of 448 px cut from `clean` and `kodak`, default recipe without film
overlays, held-out seeds.

{pixel_table(own, dust_own)}

Image by image, balanced accuracy in %: is this kind of damage in this photo? *Product*: named, if
only as a suspicion, which the report does from {100 * SUSPICION_SHARE:g} % of the pixels on.
*Best threshold*: share of pixels (for fading and cast: probability) chosen on every other print of
our own ageing, scored on the rest of them and on `aged`. A kind with 1 to {PRESENT_PX - 1} true
pixels counts neither way.

{image_table(own, aged)}"""


def pixel_table(cases: Sequence[Case], dust: Dust) -> str:
    rows = [
        _pixel_row("all kinds together", [case.union for case in cases]),
        _pixel_row("all kinds together, told that it is damaged", [case.told for case in cases]),
    ]
    rows += [
        _pixel_row(kind, [case.kinds[index] for case in cases]) for index, kind in enumerate(KINDS)
    ]
    return markdown_table(
        ["damage", "F1 pooled", "precision", "recall", "F1 mean", "true px", "found px"],
        [*rows, *dust.rows()],
    )


def _pixel_row(name: str, photos: Sequence[Agreement]) -> list[str]:
    pooled, mean = pooled_scores(photos), mean_scores(photos)
    true = sum(photo.true for photo in photos)
    found = sum(photo.found for photo in photos)
    return [
        name,
        figure(pooled.f1, 3),
        figure(pooled.precision, 3),
        figure(pooled.recall, 3),
        figure(mean.f1, 3),
        str(true),
        str(found),
    ]


def image_table(own: Sequence[Case], aged: Sequence[Case]) -> str:
    rows = [_image_row(kind, kind_calls, own, aged, SUSPICION_SHARE) for kind in KINDS]
    rows += [_image_row(name, condition_calls, own, aged, 0.5) for name in CONDITIONS]
    return markdown_table(
        [
            "in the photo",
            "own, product",
            "own, best threshold",
            "aged, product",
            "aged, best threshold",
            "best threshold",
            "own with / without",
            "aged with / without",
        ],
        rows,
    )


def _image_row(
    name: str,
    calls: Callable[[Sequence[Case], str], ImageCalls],
    own: Sequence[Case],
    aged: Sequence[Case],
    product: float,  # the threshold that the product uses
) -> list[str]:
    best = calls(own[::2], name).best_threshold()
    both, foreign = calls(own, name), calls(aged, name)
    return [
        name,
        figure(100 * both.accuracy(product), 1),
        figure(100 * calls(own[1::2], name).accuracy(best), 1),
        figure(100 * foreign.accuracy(product), 1),
        figure(100 * foreign.accuracy(best), 1),
        figure(best, 2) if name in CONDITIONS else f"{100 * best:.4f} %",
        _count(both),
        _count(foreign),
    ]


def _count(calls: ImageCalls) -> str:
    return f"{int(calls.truth.sum())} / {int((~calls.truth).sum())}"


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--prints", type=int, default=200, help="prints of our own ageing")
    run("recognition", command.parse_args(), measure)
