"""What the channels of a TIFF are: alpha where it says so, colours where they are known."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import making_photos as made
from resilver.errors import PhotoUnsupported
from resilver.photo import Photo

INFRARED = np.linspace(40, 200, 48 * 64).reshape(48, 64, 1).astype(np.uint8)


def with_fourth(*extra: made.Entry, photometric: int = 2) -> bytes:
    pixels = made.picture() if photometric == 2 else made.picture()[..., :1]
    return made.tiff_of(np.concatenate([pixels, INFRARED], -1), photometric, extra=extra)


def extra_samples(*kinds: int) -> made.Entry:
    return (338, 3, len(kinds), struct.pack(f"<{len(kinds)}H", *kinds))


@pytest.mark.parametrize("tags", [(), (extra_samples(0),)])
@pytest.mark.parametrize("photometric", [1, 2])
def test_infrared_of_a_scan_is_no_transparency(
    tmp_path: Path, tags: tuple[made.Entry, ...], photometric: int
) -> None:
    """As VueScan and SilverFast write it: a channel of no stated kind."""
    opened = made.opened(tmp_path / "a.tif", with_fourth(*tags, photometric=photometric))
    assert opened.alpha is None
    assert opened.notices == ("1 extra channel was left out",)
    assert opened.grey == (photometric == 1)
    expected = made.picture() if photometric == 2 else made.picture()[..., [0, 0, 0]]
    assert np.array_equal(opened.pixels, expected)
    opened.save(tmp_path / "b.jpg")
    assert made.difference(Photo.open(tmp_path / "b.jpg").pixels, expected) < 40


def test_what_is_called_alpha_is_alpha(tmp_path: Path) -> None:
    opened = made.opened(tmp_path / "a.tif", with_fourth(extra_samples(2)))
    assert opened.alpha is not None
    assert np.array_equal(opened.alpha, INFRARED[..., 0])
    assert opened.notices == ()


def test_alpha_behind_infrared_is_found(tmp_path: Path) -> None:
    alpha = INFRARED[::-1]
    pixels = np.concatenate([made.picture(), INFRARED, alpha], -1)
    opened = made.opened(tmp_path / "a.tif", made.tiff_of(pixels, 2, extra=[extra_samples(0, 2)]))
    assert opened.alpha is not None
    assert np.array_equal(opened.alpha, alpha[..., 0])
    assert opened.notices == ("1 extra channel was left out",)


def test_lab_of_8_bits_is_not_called_damaged(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.fromarray(made.picture()), to_lab)
    assert lab is not None
    with pytest.raises(PhotoUnsupported, match="8-bit CIELab colours cannot be restored"):
        made.opened(tmp_path / "a.tif", made.pillow_bytes(lab, "TIFF"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("photometric", "words"), [(9, "ICCLab"), (10, "ITULab")])
def test_other_lab_is_never_taken_for_rgb(
    tmp_path: Path, dtype: type, photometric: int, words: str
) -> None:
    content = made.tiff_of(made.picture().astype(dtype), photometric)
    with pytest.raises(PhotoUnsupported, match=f"{words} colours cannot be restored"):
        made.opened(tmp_path / "a.tif", content)


def test_lab_of_16_bits_is_read(tmp_path: Path) -> None:
    """L from 0 to 65535, a and b signed (TIFF Technical Note 4 of PageMaker 6.0)."""
    lab = np.zeros((48, 64, 3), np.uint16)
    lab[..., 0] = round(0.5 * 65535)  # L* 50: a grey of 119
    opened = made.opened(tmp_path / "a.tif", made.tiff_of(lab, 8))
    assert opened.notices == ("Lab colour: the result is saved as sRGB",)
    assert np.abs(opened.pixels / 257.0 - 119).max() < 1.5
