"""Streams of aged prints: photos of today, real old prints, and what is known of either."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from resilver.ageing import AgeingRecipe
from resilver.errors import RecipeError
from resilver.train.aged import OLD_SHARE, OLD_UNTOUCHED, AgedStream
from resilver.train.feeding import collate
from resilver.train.photos import find_shards
from resilver.train.recipes.damage import DamageRecipe


@pytest.fixture(scope="module")
def old_prints(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prints") / "old-prints"
    shutil.copytree(photos, folder)
    return folder


def test_old_prints_are_a_share_and_half_of_them_as_they_are(
    photos: Path, old_prints: Path
) -> None:
    crops = list(itertools.islice(AgedStream([photos, old_prints], 3, print_px=48), 160))
    old = [crop for crop in crops if not crop.conditions_known]
    assert len(old) / len(crops) == pytest.approx(OLD_SHARE, abs=0.12)
    untouched = [np.array_equal(crop.photo, crop.intact) for crop in old]
    assert np.mean(untouched) == pytest.approx(OLD_UNTOUCHED, abs=0.25)
    assert not any(crop.masks.any() for crop, same in zip(old, untouched, strict=True) if same)


def test_some_prints_as_they_are_have_no_colour(photos: Path) -> None:
    stream = AgedStream([photos], 3, untouched_share=1.0, untouched_monochrome=0.5, print_px=48)
    crops = list(itertools.islice(stream, 80))
    assert not any(crop.masks.any() for crop in crops)
    assert np.mean([_has_one_tone(crop.photo) for crop in crops]) == pytest.approx(0.5, abs=0.2)


def _has_one_tone(photo: NDArray[np.float32]) -> bool:
    """Whether of two pixels the one that is darker is so in every channel."""
    levels = photo.reshape(-1, 3)[np.argsort(photo[..., 1], axis=None)]
    return bool((np.diff(levels, axis=0) >= -1e-3).all())


def test_a_negative_turns_dark_marks_into_bright_ones(photos: Path) -> None:
    """Of a recipe whose marks are dark, those of negatives are bright, in the same photos."""
    recipe = replace(AgeingRecipe.pristine().only("burn"), boldness=(1.0, 1.0))
    changes: list[float] = []
    for negatives in (0.0, 1.0):
        stream = AgedStream([photos], 3, recipe=recipe, print_px=64, negatives=negatives)
        crops = list(itertools.islice(stream, 40))
        assert any(crop.masks.any() for crop in crops)
        assert all(crop.conditions_known == (negatives == 0.0) for crop in crops)
        changes.append(float(np.mean([(crop.photo - crop.intact).mean() for crop in crops])))
    assert changes[0] < -0.002
    assert changes[1] > 0.002


@pytest.mark.parametrize("which", ["photos", "old_prints"])
def test_one_kind_of_source_alone_will_do(which: str, request: pytest.FixtureRequest) -> None:
    source: Path = request.getfixturevalue(which)
    crops = list(itertools.islice(AgedStream([source], 3, print_px=48), 4))
    assert [crop.conditions_known for crop in crops] == [which == "photos"] * 4


def test_an_old_print_does_not_say_whether_it_has_faded(old_prints: Path) -> None:
    """What is said of the conditions of old prints makes no difference to the loss."""
    recipe = DamageRecipe()
    batch = collate(list(itertools.islice(recipe.samples([old_prints], 1), 2)))
    torch.manual_seed(0)
    network = recipe.network()  # in training mode it gives what the loss needs

    def judged(conditions: Tensor, known: float) -> float:
        changed = {**batch, "conditions": conditions, "known": torch.full((2, 1), known)}
        return recipe.loss(network, changed)[1]["judged"]

    with torch.no_grad():
        assert not batch["known"].any()
        assert judged(torch.zeros(2, 2), 0.0) == judged(torch.ones(2, 2), 0.0) == 0.0
        assert judged(torch.zeros(2, 2), 1.0) != judged(torch.ones(2, 2), 1.0)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_file_that_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.jpg").write_bytes(content)
    (shard,) = find_shards([tmp_path])
    with pytest.raises(RecipeError, match=r"empty\.jpg is not an image that can be decoded"):
        shard.read()
