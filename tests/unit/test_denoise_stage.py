"""The stage `denoise`: where grain is looked for, and what is said where it cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver import Photo
from resilver.models.store import bundled_model
from resilver.stages.denoise import DenoiseStage
from resilver.stages.draft import Draft, Finding

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def stage() -> DenoiseStage:
    return DenoiseStage(bundled_model("denoise"), None, threads=1)


def found(stage: DenoiseStage, pixels: Picture) -> Finding:
    return stage.diagnose(Draft(Photo.from_array(pixels)), lambda _share: None)[0]


def noise_255(finding: Finding) -> float:
    return finding.measurements[0].value


def ramp(height: int, width: int) -> NDArray[np.float64]:
    across = np.linspace(70.0, 170.0, width)
    return np.broadcast_to(across[None, :, None], (height, width, 3))


def noisy(height: int, width: int, sigma: float = 20.0) -> Picture:
    noise = np.random.default_rng(5).normal(0.0, sigma, (height, width, 3))
    return np.rint(np.clip(ramp(height, width) + noise, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("size", [(200, 200), (250, 150), (250, 120), (120, 250)])
def test_grain_is_found_at_either_end_of_a_small_photo(
    stage: DenoiseStage, size: tuple[int, int]
) -> None:
    photo = noisy(*size)
    long_side = int(np.argmax(size))
    sky = [slice(None), slice(None)]
    sky[long_side] = slice(0, int(0.55 * size[long_side]))
    photo[tuple(sky)] = 255
    for turned in (photo, photo[::-1, ::-1].copy()):
        finding = found(stage, turned)
        assert finding.act
        assert noise_255(finding) == pytest.approx(20.0, abs=4.0)


def test_noise_that_nobody_sees_is_none(stage: DenoiseStage) -> None:
    pixels = np.rint(ramp(200, 200)).astype(np.uint8)
    hidden = noisy(200, 200, sigma=60.0)
    alpha = np.full((200, 200, 1), 255, np.uint8)
    alpha[:90] = 0
    pixels[:90] = hidden[:90]
    assert not found(stage, np.dstack((pixels, alpha))).act
    alpha[:90], alpha[90:] = 255, 0  # now it is all that is seen
    assert found(stage, np.dstack((pixels, alpha))).act


@pytest.mark.parametrize("level", [0, 255])
def test_a_photo_that_can_show_no_grain_is_not_said_to_have_little(
    stage: DenoiseStage, level: int
) -> None:
    finding = found(stage, np.full((64, 80, 3), level, np.uint8))
    assert not finding.act
    assert finding.words == "Too dark or too light for grain to be told."
    assert finding.measurements == ()


def test_the_rim_of_a_cut_out_gets_nothing_of_what_it_hides(stage: DenoiseStage) -> None:
    y, x = np.mgrid[:192, :192]
    away = 80 - np.hypot(y - 96, x - 96)
    rim = (away > 0) & (away <= 3)
    errors: list[float] = []
    for level in (0, 255):
        given = np.where(away[..., None] > 0, noisy(192, 192), np.uint8(level))
        photo = Photo.from_array(np.dstack((given, (away > 0) * np.uint8(255))))
        after = stage.apply(Draft(photo), 1.0, lambda _share: None).photo.pixels / 257
        np.testing.assert_array_equal(after[away <= 0], given[away <= 0])
        errors.append(float(np.abs(after - ramp(192, 192))[rim].mean()))
    assert errors[0] == errors[1]
    assert errors[0] < 4.0
