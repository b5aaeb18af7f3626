"""The recipe `colourise`: what it learns from, what it is held to, where it starts."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage import data

from resilver.errors import RecipeError
from resilver.imaging.chroma import bins, nearest_bin, to_lab
from resilver.nets.colour import lab_to_rgb, rgb_to_lab
from resilver.nets.colourise import GREY_MEAN, GREY_UNIT, ColouriseNet
from resilver.nets.squeezenet import aligned_input
from resilver.train.monochrome import seen_by_film, simulated_hints
from resilver.train.recipes import colourise
from resilver.train.recipes.colourise import (
    ColouriseRecipe,
    annealed_mean,
    cross_entropy,
    is_lesson,
    rarity,
)
from resilver.train.squeezenet import SqueezeNet


def photo(side: int = 96) -> np.ndarray:
    picture = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.float32) / np.float32(255)


def test_the_encoder_starts_as_squeezenet_sees_grey(tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = SqueezeNet()
    save_file(teacher.state_dict(), tmp_path / "squeezenet.safetensors")
    network = ColouriseRecipe().started_from(tmp_path / "squeezenet.safetensors")
    assert isinstance(network, ColouriseNet)
    grey = torch.rand(1, 1, 64, 96)
    theirs = teacher(aligned_input(grey.expand(-1, 3, -1, -1)))
    ours = network.encoder(aligned_input((255 * grey - GREY_MEAN) / GREY_UNIT))
    for mine, known in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine * GREY_UNIT, known, rtol=1e-3, atol=1e-3)
    (tmp_path / "text.safetensors").write_text("not weights", "utf-8")
    with pytest.raises(RecipeError, match="not the weights of SqueezeNet"):
        ColouriseRecipe().started_from(tmp_path / "text.safetensors")


def test_hints_reach_the_answer_and_nothing_else_does() -> None:
    torch.manual_seed(0)
    network = ColouriseNet().eval()
    grey, none = torch.rand(1, 1, 64, 80), torch.zeros(1, 3, 64, 80)
    hinted = none.clone()
    hinted[:, :, 30:34, 40:44] = torch.tensor([0.4, 0.3, 1.0])[:, None, None]
    with torch.no_grad():
        plain, led = network(grey, none), network(grey, hinted)
    assert plain.shape == (1, len(bins()), 16, 20)
    torch.testing.assert_close(plain.sum(dim=1), torch.ones(1, 16, 20))
    change = (plain - led).abs().sum(dim=1)[0]
    assert change[8, 10] == change.max() > 0


def test_lab_and_back() -> None:
    rgb = torch.rand(2, 3, 20, 20)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=2e-5, rtol=0)


def test_the_least_cross_entropy_is_at_the_true_colour() -> None:
    """Where odds are shared by the bins around a colour: their mean is the colour."""
    colour = torch.tensor([17.0, -5.0]).reshape(1, 2, 1, 1)
    logs = torch.zeros(1, len(bins()), 1, 1, requires_grad=True)
    optimiser = torch.optim.Adam([logs], lr=0.3)
    for _ in range(300):
        optimiser.zero_grad()
        cross_entropy(torch.log_softmax(logs, dim=1), colour).sum().backward()
        optimiser.step()
    odds = torch.softmax(logs, dim=1)[0, :, 0, 0].detach().numpy()
    np.testing.assert_allclose(odds @ bins(), [17.0, -5.0], atol=0.3)


def test_the_annealed_mean_of_one_sure_bin_is_its_colour() -> None:
    number = nearest_bin(np.array([48.0, 24.0], np.float32)).item()
    logs = torch.full((1, len(bins()), 2, 2), -20.0)
    logs[:, number] = 0.0
    torch.testing.assert_close(annealed_mean(logs)[0, :, 0, 0], torch.tensor([48.0, 24.0]))


def test_rare_colours_weigh_more_and_one_in_the_mean() -> None:
    frequencies = np.random.default_rng(0).dirichlet(np.full(len(bins()), 0.05))
    weights = rarity(frequencies)
    assert weights[frequencies.argmin()] > 2 * weights[frequencies.argmax()]
    assert (weights * frequencies).sum() == pytest.approx(1.0, abs=1e-5)


def test_grey_prints_and_drawings_are_no_lessons() -> None:
    colours = np.asarray(data.astronaut())
    assert is_lesson(colours)
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    assert not is_lesson(np.repeat(grey[..., None], 3, axis=2))
    plane = grey / 255.0
    sepia = np.stack((plane**0.8, plane, plane**1.3), axis=2)
    assert not is_lesson(np.rint(255 * sepia).astype(np.uint8))
    screenshot = np.full((200, 300, 3), 240, np.uint8)
    screenshot[20:60, 30:200] = (30, 90, 200)
    screenshot[100:180, 60:280] = (200, 60, 30)
    assert not is_lesson(screenshot)


def test_old_films_are_blind_to_red_now_and_then() -> None:
    """A red and a blue half: panchromatic film sees red lighter, plates of old see it darker."""
    halves = np.zeros((64, 64, 3), np.float32)
    halves[:, :32], halves[:, 32:] = (0.8, 0.2, 0.2), (0.2, 0.2, 0.8)
    rng = np.random.default_rng(0)
    seen = [seen_by_film(halves, rng) for _ in range(60)]
    lighter = np.array([view[:, 8:24].mean() > view[:, 40:56].mean() for view in seen])
    assert 0.15 < (~lighter).mean() < 0.6
    assert all(view.shape == (64, 64) and 0 <= view.min() <= view.max() <= 1 for view in seen)


def test_hints_have_the_colours_of_their_places() -> None:
    rng = np.random.default_rng(1)
    picture = photo()
    ab = to_lab(picture)[..., 1:]
    drawn = [simulated_hints(picture, rng) for _ in range(40)]
    shares = np.array([hints[..., 2].mean() for hints in drawn])
    assert 0.2 < (shares == 0).mean() < 0.6
    assert 0 < np.median(shares[shares > 0]) < 0.05
    for hints in drawn:
        there = hints[..., 2] > 0
        assert not hints[~there].any()
        if there.any():
            off = np.linalg.norm(100 * hints[there][:, :2] - ab[there], axis=1)
            assert np.median(off) < 20


def test_samples_are_photos_in_grey_with_their_colours(photos: Path) -> None:
    sample = next(iter(ColouriseRecipe(side_px=64).samples([photos], 0)))
    assert {name: value.shape for name, value in sample.items()} == {
        "grey": (1, 64, 64), "hints": (3, 64, 64), "target": (3, 16, 16), "weight": (1, 16, 16),
    }  # fmt: skip
    many = itertools.islice(ColouriseRecipe(side_px=64).samples([photos], 0), 8)
    assert len({one["grey"].tobytes() for one in many}) == 8


def test_a_folder_without_colours_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), data.camera()[::4, ::4])
    with pytest.raises(RecipeError, match="none of the photos is in colour"):
        next(iter(ColouriseRecipe().samples([tmp_path], 0)))


def test_the_one_photo_in_colour_is_found_whatever_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colourise, "_COUNTED", 1)  # as of many photos only some are counted
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"grey{number}.png"), data.camera()[::4, ::4])
    cv2.imwrite(str(tmp_path / "colour.png"), data.astronaut()[::4, ::4, ::-1])
    for seed in range(8):
        sample = next(ColouriseRecipe(side_px=64).samples([tmp_path], seed))
        assert np.ptp(sample["target"], axis=0).max() > 0.1
