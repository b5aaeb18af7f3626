"""Where the report shows changes: at the size of its pictures, whatever the photo's sides are."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.changes import ChangeMap
from resilver.photo import Photo


@pytest.mark.parametrize("longest_px", [16, 100, 1600])
def test_maps_are_as_large_as_the_pictures(longest_px: int) -> None:
    for height in (1, 2, 9, 25, 31, 75, 125):
        for width in (20, 32, 64, 200, 320, 333, 3200):
            photo = Photo.from_array(np.zeros((height, width, 3), np.uint8))
            map_size = ChangeMap.empty(photo.size, longest_px).preview.shape
            assert map_size == photo.preview(longest_px).shape[:2], (height, width)
