"""Faces hidden on purpose: how many are left alone, and how many others are taken for hidden.

python benchmarks/hidden.py [--write]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.ageing import AgeingRecipe, age
from resilver.evaluate.suites import read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.faces import Faces, overlaps
from resilver.imaging.hidden import measure_concealment
from resilver.models.session import Network
from resilver.models.store import bundled_model
from resilver.stages.detection import SURE, placed_faces, second_look
from resilver.stages.faces import EYES_PX

SUITES = ("faces256", "faces512")
SAME_IOU = 0.3  # a find that overlaps the face that was there by more is that face

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, "Place", np.random.Generator], Pixels]


@dataclass(frozen=True, eq=False)
class Place:
    """The face as it was found before anything was done to the photo."""

    box: NDArray[np.float32]
    points: NDArray[np.float32]

    @property
    def side_px(self) -> float:
        return float(np.sqrt((self.box[2:] - self.box[:2]).prod()))

    def times(self, factor: float) -> Place:
        scale = np.float32(factor)
        return Place(self.box * scale, self.points * scale)


@dataclass
class Count:
    """What became of the faces that were changed in one way."""

    faces: int = 0
    judged: int = 0  # called hidden, judged where the face was known to be
    found: int = 0  # found again by the detector
    restored: int = 0  # found, called not hidden, and surely a face: would be restored


def measure(arguments: argparse.Namespace) -> str:
    network = bundled_model("detect").open(arguments.threads)
    counts: dict[str, Count] = {name: Count() for name in (*HIDDEN, *OTHERS)}
    hows: dict[str, Counter[str]] = {name: Counter() for name in counts}
    for suite in SUITES:
        photos = read_photos(arguments.data / suite)
        for index in spread(len(photos), arguments.photos):
            pixels = photos[index].read_u8()
            faces = placed_faces(network, pixels)
            if not len(faces):
                continue
            place = Place(faces.boxes[0], faces.points[0])
            for name, change in (HIDDEN | OTHERS).items():
                rng = np.random.default_rng([index, sum(map(ord, suite + name))])
                picture = change(pixels, place, rng)
                if name in HIDDEN:
                    picture = passed_on(picture, rng)
                at = place.times(picture.shape[1] / pixels.shape[1])
                how = judge(network, picture, at, counts[name])
                hows[name][how or "not hidden"] += 1
        note(f"{suite} done")
    return f"""## Faces hidden on purpose

{sum(count.faces for count in counts.values()) // len(counts)} faces of `faces256` and `faces512`,
each hidden in {len(HIDDEN)} ways, most of them rescaled (0.6 to 1.4), given grain (half of them,
3 to 14 levels) or saved as JPEG (quality 35 to 95) afterwards, and changed in {len(OTHERS)} ways
that hide nothing; none of these faces was used
to choose a threshold. *Called hidden*: by the measures of `resilver.imaging.hidden`, looking where
the face was found before. *Found*: by the detector, in the changed photo. *Restored*: found, not
called hidden there, eyes at least {EYES_PX:g} px apart, and confirmed by the second look; before it
is asked whether the face has lost any detail.

{table(HIDDEN, counts, hows)}

Not hidden, so that *called hidden* is a false alarm:

{table(OTHERS, counts, hows)}"""


def table(names: dict[str, Change], counts: dict[str, Count], hows: dict[str, Counter[str]]) -> str:
    rows: list[list[str]] = []
    for name in names:
        count = counts[name]
        shares = [100 * part / count.faces for part in (count.judged, count.found, count.restored)]
        called = Counter(hows[name])
        called.pop("not hidden", None)
        words = ", ".join(f"{how} {number}" for how, number in called.most_common())
        rows.append([name, str(count.faces), *(figure(share, 1) for share in shares), words])
    return markdown_table(
        ["change", "faces", "called hidden %", "found %", "restored %", "called"], rows
    )


def judge(network: Network, picture: Pixels, place: Place, count: Count) -> str | None:
    """Counts one face; returns how it seems to be hidden."""
    how = measure_concealment(picture, place.box, place.points).how
    count.faces += 1
    count.judged += how is not None
    faces = placed_faces(network, picture)
    here = faces.chosen(overlaps(place.box, faces.boxes) > SAME_IOU)
    count.found += len(here) > 0
    count.restored += any(
        would_restore(network, picture, here, index) for index in range(len(here))
    )
    return how


def would_restore(network: Network, picture: Pixels, faces: Faces, index: int) -> bool:
    face = faces.chosen(np.array([index]))
    points = face.points[0]
    return (
        float(np.linalg.norm(points[1] - points[0])) >= EYES_PX
        and measure_concealment(picture, face.boxes[0], points).how is None
        and second_look(network, picture, face)[0] >= SURE
    )


def passed_on(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """As pictures are: rescaled, printed and scanned with grain, saved as JPEG, or not."""
    if rng.random() < 0.4:
        factor = float(rng.uniform(0.6, 1.4))
        how = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(3))]
        picture = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=how))
    if rng.random() < 0.5:
        picture = grainy(picture, rng)
    if rng.random() < 0.75:
        picture = as_jpeg(picture, int(rng.integers(35, 96)))
    return np.ascontiguousarray(picture)


def grainy(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """With white noise of 3 to 14 levels, in colour or not."""
    shape = (*picture.shape[:2], int(rng.choice((1, 3))))
    grain = rng.normal(0.0, rng.uniform(3.0, 14.0), shape)
    return np.clip(np.rint(picture + grain), 0, 255).astype(np.uint8)


def as_jpeg(picture: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def covered(pixels: Pixels, place: Place, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(H, W, 1): a rectangle or an ellipse over the face, a little off its middle."""
    half = (place.box[2:] - place.box[:2]) / 2 * rng.uniform(1.0, 1.4)
    middle = (place.box[:2] + place.box[2:]) / 2 + rng.uniform(-0.08, 0.08, 2) * half
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    x, y = np.abs(columns - middle[0]) / half[0], np.abs(rows - middle[1]) / half[1]
    inside = (x <= 1) & (y <= 1) if rng.random() < 0.5 else x * x + y * y <= 1
    return inside[..., None]


def mosaic(fewest: float, most: float) -> Change:
    """So many blocks across the face, on a grid of any phase."""

    def change(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
        block = max(round(place.side_px / rng.uniform(fewest, most)), 3)
        top, left = (int(value) for value in rng.integers(0, block, 2))
        out = pixels.copy()
        for row in range(-top, pixels.shape[0], block):
            for column in range(-left, pixels.shape[1], block):
                at = (slice(max(row, 0), row + block), slice(max(column, 0), column + block))
                out[at] = pixels[at].reshape(-1, 3).mean(axis=0)
        return np.where(covered(pixels, place, rng), out, pixels)

    return change


def mosaic_of(fewest: int, most: int) -> Change:
    """The face's box cut into n by n blocks, which are higher than wide as it is."""

    def change(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
        count = int(rng.integers(fewest, most + 1))
        half = (place.box[2:] - place.box[:2]) / 2 * rng.uniform(1.0, 1.3)
        middle = (place.box[:2] + place.box[2:]) / 2
        left, top = np.maximum(np.rint(middle - half), 0).astype(int)
        right, bottom = np.rint(middle + half).astype(int)
        out = pixels.copy()
        part = out[top:bottom, left:right]
        few = cv2.resize(part, (count, count), interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(few, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return out

    return change


def askew(hide: Change) -> Change:
    """The same on the photo turned by 2 to 15 degrees, and turned back."""

    def change(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
        angle_deg = float(rng.uniform(2.0, 15.0) * rng.choice((-1, 1)))
        x, y = ((place.box[:2] + place.box[2:]) / 2).tolist()
        turn = cv2.getRotationMatrix2D((x, y), angle_deg, 1.0)
        size, rim = (pixels.shape[1], pixels.shape[0]), cv2.BORDER_REFLECT
        turned = np.asarray(cv2.warpAffine(pixels, turn, size, borderMode=rim), np.uint8)
        back = cv2.invertAffineTransform(turn)
        hidden = cv2.warpAffine(hide(turned, place, rng), back, size, borderMode=rim)
        return np.where(covered(pixels, place, rng), np.asarray(hidden, np.uint8), pixels)

    return change


def let_through(least: float, most: float) -> Change:
    """Behind a bar through which so much can be seen."""

    def change(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
        bar = barred(pixels, place, rng).astype(np.float64)
        return np.rint(bar + rng.uniform(least, most) * (pixels - bar)).astype(np.uint8)

    return change


def painted(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
    level = np.uint8(rng.choice([0, 0, 0, 128, 255]))
    return np.where(covered(pixels, place, rng), level, pixels)


def barred(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
    left, right = place.points[:2]
    apart = right - left
    length = float(np.linalg.norm(apart))
    angle_deg = float(np.rad2deg(np.arctan2(apart[1], apart[0]))) if rng.random() < 0.7 else 0.0
    size = (length * rng.uniform(1.7, 2.4), length * rng.uniform(0.4, 0.8))
    bar = cv2.boxPoints((((left + right) / 2).tolist(), size, angle_deg))
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(bar).astype(np.int32)], (1,))
    return np.where(mask[..., None] > 0, np.uint8(rng.choice([0, 0, 0, 255])), pixels)


def box_blurred(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
    kernel = max(round(place.side_px * rng.uniform(0.2, 0.5)), 3)
    return np.where(covered(pixels, place, rng), cv2.blur(pixels, (kernel, kernel)), pixels)


def softened(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
    soft = cv2.GaussianBlur(pixels, (0, 0), place.side_px * rng.uniform(0.06, 0.15))
    return np.where(covered(pixels, place, rng), soft, pixels)


def aged(pixels: Pixels, _place: Place, rng: np.random.Generator) -> Pixels:
    return np.rint(255 * np.clip(age(pixels, rng, AgeingRecipe()).photo, 0, 1)).astype(np.uint8)


def reduced(pixels: Pixels, _place: Place, rng: np.random.Generator) -> Pixels:
    factor = float(rng.uniform(0.15, 0.5))
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def enlarged(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
    small = reduced(pixels, place, rng)
    size = (pixels.shape[1], pixels.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def unsharp(pixels: Pixels, place: Place, rng: np.random.Generator) -> Pixels:
    sigma = place.side_px * rng.uniform(0.01, 0.08)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def burnt_out(pixels: Pixels, _place: Place, rng: np.random.Generator) -> Pixels:
    return np.clip(pixels * rng.uniform(1.3, 2.0), 0, 255).astype(np.uint8)


def darkened(pixels: Pixels, _place: Place, rng: np.random.Generator) -> Pixels:
    return (pixels * rng.uniform(0.12, 0.4)).astype(np.uint8)


HIDDEN: dict[str, Change] = {
    "mosaic, 4 to 9 blocks across": mosaic(4, 9),
    "mosaic, 9 to 18 blocks": mosaic(9, 18),
    "mosaic of 6 x 6 to 16 x 16 blocks": mosaic_of(6, 16),
    "mosaic askew, 4 to 14 blocks": askew(mosaic(4, 14)),
    "painted over": painted,
    "bar over the eyes": barred,
    "... that lets 5 to 15 % through": let_through(0.05, 0.15),
    "... that lets 15 to 30 % through": let_through(0.15, 0.3),
    "box blur, 0.2 to 0.5 of the face": box_blurred,
    "Gaussian blur, sigma 0.06 to 0.15": softened,
}
OTHERS: dict[str, Change] = {
    "as it is": lambda pixels, _place, _rng: pixels,
    "aged": aged,
    "JPEG, quality 10 to 30": lambda pixels, _place, rng: as_jpeg(
        pixels, int(rng.integers(10, 31))
    ),
    "grain of 3 to 14 levels": lambda pixels, _place, rng: grainy(pixels, rng),
    "blurred as a whole, and grain": lambda pixels, place, rng: grainy(
        unsharp(pixels, place, rng), rng
    ),
    "reduced to 0.15 to 0.5": reduced,
    "reduced and enlarged again": enlarged,
    "blurred as a whole, sigma 0.01 to 0.08": unsharp,
    "darkened to 0.12 to 0.4": darkened,
    "burnt out, 1.3 to 2 times as bright": burnt_out,
}


if __name__ == "__main__":
    run("hidden", parser(__doc__).parse_args(), measure)
