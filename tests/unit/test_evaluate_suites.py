"""Readers of the test suites: on small suites made here, and on the real ones where they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from resilver.ageing import KINDS
from resilver.errors import PhotoMissing, PhotoUnreadable
from resilver.evaluate.suites import read_aged, read_photos, spread


@pytest.fixture
def aged(tmp_path: Path) -> Path:
    red = np.zeros((6, 8, 3), np.uint8)
    red[..., 2] = 200  # OpenCV writes BGR
    for part in ("aged.jpg", "intact.webp", "clean.webp"):
        cv2.imwrite(str(tmp_path / f"007_{part}"), red)
    bits = np.zeros((6, 8), np.uint8)
    bits[0, 0], bits[1, 1], bits[2, 2], bits[3, 3], bits[4, 4] = 1, 2, 4, 8, 3
    cv2.imwrite(str(tmp_path / "007_mask.png"), bits)
    (tmp_path / "index.csv").write_text("id,height,width,mono,faded\n007,6,8,1,0\n", "utf-8")
    return tmp_path


def test_aged_prints_are_read_with_their_masks_in_our_order(aged: Path) -> None:
    (made,) = read_aged(aged)
    assert (made.name, made.monochrome, made.faded) == ("007", True, False)
    masks = made.read_masks()
    assert masks.shape == (6, 8, 4)
    seen = {kind: set(zip(*np.nonzero(masks[..., i]), strict=True)) for i, kind in enumerate(KINDS)}
    assert seen == {
        "scratch": {(0, 0), (4, 4)},
        "stain": {(1, 1), (4, 4)},
        "dust": {(2, 2)},
        "missing": {(3, 3)},
    }


def test_pictures_are_rgb(aged: Path) -> None:
    (made,) = read_aged(aged)
    pixels = made.intact.read_u8()
    assert pixels.dtype == np.uint8
    assert pixels[..., 0].min() > 180
    assert pixels[..., 2].max() < 20
    picture = made.intact.read()
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture, pixels / 255, atol=1e-6)


def test_photos_come_in_the_order_of_names_and_other_files_do_not(aged: Path) -> None:
    names = [photo.name for photo in read_photos(aged)]
    assert names == ["007_aged", "007_clean", "007_intact", "007_mask"]


def test_what_is_missing_or_broken_is_named(aged: Path, tmp_path: Path) -> None:
    with pytest.raises(PhotoMissing, match="nowhere"):
        read_photos(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoMissing, match="no pictures"):
        read_photos(tmp_path / "empty")
    with pytest.raises(PhotoMissing, match=r"index\.csv"):
        read_aged(tmp_path / "empty")
    (made,) = read_aged(aged)
    made.intact.path.write_bytes(b"not a picture")
    with pytest.raises(PhotoUnreadable, match="007_intact"):
        made.intact.read()
    made.clean.path.write_bytes(b"")
    with pytest.raises(PhotoUnreadable, match="007_clean"):
        made.clean.read()
    made.mask.unlink()
    with pytest.raises(PhotoMissing, match="007_mask"):
        made.read_masks()
    (aged / "index.csv").write_text("id,mono\n007,1\n", "utf-8")
    with pytest.raises(PhotoUnreadable, match="faded"):
        read_aged(aged)
    (aged / "index.csv").write_text("id,mono,faded\n007,1,0\n", "utf-16")
    with pytest.raises(PhotoUnreadable, match="UTF-8"):
        read_aged(aged)


def test_spread_takes_the_ends_and_repeats_nothing() -> None:
    assert spread(48, None) == list(range(48))
    assert spread(3, 10) == [0, 1, 2]
    assert spread(48, 4) == [0, 16, 31, 47]
    assert len(set(spread(48, 31))) == 31


def test_the_shared_suites_are_whole(shared: Path) -> None:
    suites = shared / "data" / "eval"
    prints = read_aged(suites / "aged")
    assert len(prints) == 48
    assert [len(read_photos(suites / name)) for name in ("clean", "kodak", "old")] == [30, 24, 45]
    first = prints[0]
    size = first.aged.read_u8().shape[:2]
    assert first.intact.read_u8().shape[:2] == first.read_masks().shape[:2] == size
