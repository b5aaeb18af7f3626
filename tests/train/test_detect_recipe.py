"""The recipe `detect`: what it takes for a face, and what it is told is none."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from resilver.train.recipe import Sample
from resilver.train.recipes.detect import DetectRecipe


@pytest.fixture
def portraits(shared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "portraits"
    folder.mkdir()
    for photo in sorted((shared / "data" / "eval" / "faces256").glob("*.webp"))[:5]:
        shutil.copy(photo, folder)
    return folder


def drawn(sources: list[Path], shared: Path) -> list[Sample]:
    recipe = DetectRecipe(shared / "weights")
    return list(itertools.islice(recipe.samples(sources, 3), 12))


def test_faces_in_photos_of_animals_are_none(shared: Path, portraits: Path, photos: Path) -> None:
    """The very photos that teach what a face is teach the contrary under another name."""
    people = [sample["target"][0] for sample in drawn([portraits], shared)]
    assert sum(bool((wanted > 0).any()) for wanted in people) >= 10
    animals = shutil.copytree(portraits, portraits.parent / "animals")
    beasts = drawn([animals, photos], shared)
    assert all(sample["target"][0].max() <= 0 for sample in beasts)
    both = [sample["target"][0] for sample in drawn([animals, portraits], shared)]
    assert np.mean([(wanted > 0).any() for wanted in both]) > 0.5
