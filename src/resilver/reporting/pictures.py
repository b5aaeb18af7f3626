"""The pictures of a report page, as small data URIs: previews, and maps to lay over them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resilver.report import Report
from resilver.reporting.parts import data_uri
from resilver.reporting.words import DAMAGE_KINDS, MADE_UP_COLOUR
from resilver.stages.draft import Face

# A page of these is 1.4 MB at the very most: base64 adds a third.
PREVIEW_LIMIT_BYTES = 370_000
MAP_LIMIT_BYTES = 80_000
FACES_LIMIT_BYTES = 70_000
HEAT_FULL_255 = 48.0  # the change, in grey levels of 255, from which on the heat is full
_HEAT = ((250, 196, 60), (214, 40, 40))  # faint change, full change: RGB
_QUALITIES = (88, 80, 72, 62, 50)


@dataclass(frozen=True)
class PagePictures:
    """Data URIs; the maps are transparent where they have nothing to say."""

    before: str
    after: str
    damage: str
    changed: str
    invented: str


def page_pictures(report: Report) -> PagePictures:
    """Encodes the pictures of a report, before and after with the same quality and size."""
    before, after = _encode_pair(report.before, report.after)
    return PagePictures(
        before=data_uri(before, "jpeg"),
        after=data_uri(after, "jpeg"),
        damage=data_uri(_encode_flat(*_damage_colours(report.damage)), "png"),
        changed=data_uri(_encode_heat(report.changed), "webp"),
        invented=data_uri(_encode_flat(*_invented_colours(report.invented)), "png"),
    )


def face_pictures(faces: Sequence[Face]) -> dict[int, tuple[str, str]]:
    """(before, after) of each face that was restored, by its number.

    The more faces, the smaller they are; of a crowd the first are shown.
    """
    pairs = {
        face.number: (face.before, face.after)
        for face in faces
        if face.before is not None and face.after is not None
    }
    shown: dict[int, tuple[str, str]] = {}
    for side, quality in ((192, 80), (128, 75), (96, 70), (64, 62)):
        shown, size = {}, 0
        for number, pair in pairs.items():
            data = [
                _jpeg(Image.fromarray(_scaled(one, side / one.shape[0])), quality) for one in pair
            ]
            size += sum(map(len, data))
            if size > FACES_LIMIT_BYTES:
                break
            shown[number] = (data_uri(data[0], "jpeg"), data_uri(data[1], "jpeg"))
        if len(shown) == len(pairs):
            break
    return shown


def _encode_pair(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    pair = (b"", b"")
    for scale in (1.0, 0.75, 0.5):
        shown = [Image.fromarray(_scaled(picture, scale)) for picture in (before, after)]
        for quality in _QUALITIES:
            pair = (_jpeg(shown[0], quality), _jpeg(shown[1], quality))
            if max(map(len, pair)) <= PREVIEW_LIMIT_BYTES:
                return pair
    return pair


def _encode_heat(changed: NDArray[np.uint8]) -> bytes:
    # A scratch is a pixel wide: widened first, it survives the reduction.
    wide = np.asarray(cv2.dilate(changed, np.ones((3, 3), np.uint8)), np.uint8)
    longest = max(changed.shape)
    heat = _scaled(wide, min(1.0, 640 / longest)).astype(np.float32)
    amount = np.clip((heat - 1.0) / (HEAT_FULL_255 - 1.0), 0.0, 1.0)[..., None]
    faint, full = (np.array(colour, np.float32) for colour in _HEAT)
    # The powers let small changes be seen without making them look large.
    colour = faint + (full - faint) * np.sqrt(amount)
    alpha = np.where(amount > 0.0, 14.0 + 211.0 * amount**0.7, 0.0)
    rgba = np.concatenate([colour, alpha], axis=-1).round().astype(np.uint8)
    data = b""
    for scale in (1.0, 0.7, 0.5):
        shown = Image.fromarray(_scaled(rgba, scale))
        for quality in _QUALITIES[3:]:
            data = _webp(shown, quality)
            if len(data) <= MAP_LIMIT_BYTES:
                return data
    return data


def _damage_colours(
    damage: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    """Index 0 = no damage, k = the k-th kind; where kinds overlap the earlier one shows."""
    index = np.zeros(damage.shape, np.uint8)
    for place, kind in reversed(list(enumerate(DAMAGE_KINDS, start=1))):
        index[(damage & np.uint8(kind.mark)) > 0] = place
    return index, [_rgb(kind.colour) for kind in DAMAGE_KINDS]


def _invented_colours(
    invented: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    return (invented > 0).astype(np.uint8), [_rgb(MADE_UP_COLOUR)]


def _encode_flat(index: NDArray[np.uint8], colours: list[tuple[int, int, int]]) -> bytes:
    """A map of few colours as a palette PNG; index 0 is transparent."""
    palette = [channel for colour in ((0, 0, 0), *colours) for channel in colour]
    data = b""
    for scale in (1.0, 0.6, 0.4):
        # The largest index of an area wins, so that no speck of damage vanishes from the map.
        reach = math.ceil(1 / scale)
        wide = cv2.dilate(index, np.ones((reach, reach), np.uint8)) if reach > 1 else index
        shown = Image.fromarray(_scaled(np.asarray(wide, np.uint8), scale, cv2.INTER_NEAREST), "L")
        shown = shown.convert("P")
        shown.putpalette(palette)
        file = io.BytesIO()
        shown.save(file, "PNG", optimize=True, transparency=bytes([0, *[215] * len(colours)]))
        data = file.getvalue()
        if len(data) <= MAP_LIMIT_BYTES:
            return data
    return data


def _scaled(
    picture: NDArray[np.uint8], scale: float, interpolation: int = cv2.INTER_AREA
) -> NDArray[np.uint8]:
    if scale >= 1.0:
        return np.ascontiguousarray(picture)
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    # Of a grainy scan as small as WebP, and ten times as fast.
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
    return file.getvalue()


def _webp(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=4, alpha_quality=70)
    return file.getvalue()


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
