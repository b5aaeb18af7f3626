"""The simplest colourist: every lightness gets the colour that it has on the average of photos."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import ModelError
from resilver.evaluate.suites import PICTURE_SUFFIXES, spread
from resilver.imaging.chroma import lightness, luminance, to_lab, with_colours
from resilver.imaging.measures import Picture
from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import to_float

# What our colourist was trained on, a few photos of each pack.
PACKS = ("photos-clean", "photos-varied", "people-portrait", "people-street", "faces256-0")
A_PACK = 60
_LEARNED_PX = 128  # longest side; the mean needs no detail


@dataclass(frozen=True, eq=False)
class MeanColours:
    """The mean a*b* of photos for every whole L*."""

    table: NDArray[np.float32]  # (101, 2)

    @classmethod
    def of(cls, folder: Path) -> MeanColours:
        """Learns from the packs in a folder.

        Raises:
            ModelError: they are not there.
        """
        sums, counts = np.zeros((101, 2)), np.zeros(101)
        for pack in PACKS:
            path = folder / f"{pack}.tar"
            if not path.is_file():
                raise ModelError(f"the photos it would be learned from are not in {folder}")
            for photo in _some(path):
                lab = to_lab(to_float(photo))
                levels = np.rint(lab[..., 0]).astype(np.intp).clip(0, 100).ravel()
                counts += np.bincount(levels, minlength=101)
                for channel in (0, 1):
                    weights = lab[..., 1 + channel].ravel()
                    sums[:, channel] += np.bincount(levels, weights, minlength=101)
        return cls((sums / np.maximum(counts, 1)[:, None]).astype(np.float32))

    def colour(self, grey: NDArray[np.uint8]) -> Picture:
        """A grey photo (H, W, 3) -> (H, W, 3) in [0, 1]."""
        light = luminance(grey)
        ab = self.table[np.rint(lightness(light)).astype(np.intp).clip(0, 100)]
        return to_float(with_colours(light, ab))


def _some(pack: Path) -> list[NDArray[np.uint8]]:
    """A few photos of a pack, evenly spread, (h, w, 3) and small."""
    photos: list[NDArray[np.uint8]] = []
    with tarfile.open(pack) as archive:
        members = [
            one
            for one in archive.getmembers()
            if one.name.endswith(PICTURE_SUFFIXES) and ".mask." not in one.name
        ]
        for index in spread(len(members), A_PACK):
            file = archive.extractfile(members[index])
            assert file is not None  # a regular file
            photo = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
            assert photo is not None
            photos.append(shrunk(np.asarray(photo, np.uint8), _LEARNED_PX))
    return photos
