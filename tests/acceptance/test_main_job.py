"""The main job, as a person sees it: damage goes, the rest stays, the file is safe, all is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from resilver import Options, Photo, restore
from resilver.ageing import AgeingRecipe, age
from resilver.evaluate.suites import read_photos
from resilver.imaging.measures import psnr, ssim
from resilver.reporting import to_html, to_json


def as_float(photo: Photo) -> np.ndarray:
    return photo.tile_float(slice(None), slice(None))


@pytest.fixture(scope="module")
def damaged_portrait() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(aged photo uint8, the same without structural damage, its mask): damage across the face."""
    aged = age(astronaut(), 12, AgeingRecipe.demo())
    return np.rint(aged.photo * 255).astype(np.uint8), aged.intact, aged.masks.any(axis=2)


def test_the_sample_portrait_gets_better_where_it_was_damaged(
    damaged_portrait: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    photo, intact, mask = damaged_portrait
    after, report = restore(photo, Options(skip=("denoise",)))
    restored = as_float(after)
    before_db = psnr(photo.astype(np.float32) / 255, intact, mask)
    assert psnr(restored, intact, mask) > before_db + 3.0
    assert report.stages[0].finding.act
    assert 0.0 < report.invented_share < 0.25


def test_the_sample_portrait_is_not_harmed(
    damaged_portrait: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    photo, intact, mask = damaged_portrait
    after, report = restore(photo, Options(skip=("denoise",)))
    before, restored = photo.astype(np.float32) / 255, as_float(after)
    assert psnr(restored, intact, mask) > psnr(before, intact, mask) - 0.2
    assert psnr(restored, intact, ~mask) > 28.0
    assert report.invented_share < 0.25


def test_a_mask_painted_by_hand_is_filled_well(
    damaged_portrait: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    photo, intact, mask = damaged_portrait
    painted = np.where(mask, 255, 0).astype(np.uint8)
    options = Options(only=("repair",), mask=painted, mask_mode="replace")
    after, _report = restore(photo, options)
    before_db = psnr(photo.astype(np.float32) / 255, intact, mask)
    assert psnr(as_float(after), intact, mask) > before_db + 5.0


def test_a_good_photo_comes_back_as_it_was() -> None:
    clean = astronaut()
    after, report = restore(clean)
    assert ssim(as_float(after), clean.astype(np.float32) / 255) >= 0.99
    assert report.invented_share < 0.003


def test_good_photos_come_back_as_they_were(shared: Path) -> None:
    for entry in read_photos(shared / "data" / "eval" / "clean")[::6]:
        picture = entry.read_u8()
        after, _report = restore(picture)
        assert ssim(as_float(after), picture.astype(np.float32) / 255) >= 0.97, entry.name


def test_the_report_tells_it_all(
    damaged_portrait: tuple[np.ndarray, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    photo, _intact, mask = damaged_portrait
    Photo.from_array(photo).save(tmp_path / "portrait.png")
    painted = np.where(mask, 255, 0).astype(np.uint8)
    after, report = restore(tmp_path / "portrait.png", mask=painted)
    told = json.loads(to_json(report))
    assert [stage["stage"] for stage in told["stages"]][:2] == ["repair", "denoise"]
    page = to_html(report)
    for record in report.stages:
        for _name, sha256, _licence in record.models:
            assert sha256[:8] in page
    after.save(tmp_path / "restored.png")
    xmp = Photo.open(tmp_path / "restored.png").metadata.xmp
    assert xmp is not None
    assert b"compositeWithTrainedAlgorithmicMedia" in xmp
    assert b"resilver" in xmp
