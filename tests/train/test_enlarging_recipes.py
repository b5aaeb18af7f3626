"""Recipes `upscale` and `vivid`: a fresh network is the bicubic; losses are switches."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from resilver.errors import OptionError, RecipeError
from resilver.models.card import ModelCard
from resilver.models.store import bundled_model
from resilver.nets.judge import PlaceJudge
from resilver.nets.unet import parameter_count
from resilver.nets.upscale import Enlarger, EnlargerConfig
from resilver.train.export import CardText, export
from resilver.train.losses import without
from resilver.train.photos import find_shards
from resilver.train.recipes.upscale import UpscaleRecipe
from resilver.train.recipes.vivid import TEACHER, WEIGHTS, VividLosses, VividRecipe
from resilver.train.run import TrainRequest, train
from resilver.train.squeezenet import SqueezeNet

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TINY = EnlargerConfig(features=8, blocks=1)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """Weights in the layout of SqueezeNet v1.0, drawn at random."""
    torch.manual_seed(0)
    path = tmp_path / "squeezenet.safetensors"
    save_file({**SqueezeNet().state_dict(), "conv10.bias": torch.zeros(1000)}, path)
    return path


@pytest.mark.parametrize("scale", [2, 4])
def test_a_fresh_network_is_the_bicubic(scale: int) -> None:
    image = torch.rand(2, 3, 21, 34)
    enlarged = Enlarger(EnlargerConfig(scale, 8, 1))(image)
    wanted = functional.interpolate(
        image, scale_factor=float(scale), mode="bicubic", antialias=True
    )
    assert enlarged.shape == wanted.shape
    # At the border the field's bicubic weighs what is left; here the last pixel is repeated.
    inner = (..., slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))
    torch.testing.assert_close(enlarged[inner], wanted[inner], atol=1e-5, rtol=0)
    flat = torch.full((1, 3, 5, 4), 0.7)
    torch.testing.assert_close(
        Enlarger(EnlargerConfig(scale, 8, 1))(flat),
        flat.new_full((1, 3, 5 * scale, 4 * scale), 0.7),
    )


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 50)])
def test_any_size_is_enlarged(size: tuple[int, int]) -> None:
    assert Enlarger(TINY)(torch.rand(2, 3, *size)).shape == (2, 3, 4 * size[0], 4 * size[1])


def test_samples_are_photos_and_their_reductions(photos: Path) -> None:
    """What is small is the large crop's own reduction: enlarged again it comes near."""
    for recipe in (UpscaleRecipe(crop_px=64), VividRecipe(crop_px=64)):
        samples = list(itertools.islice(recipe.samples([photos], 3), 8))
        nears, fars = [], []
        for sample, other in itertools.pairwise(samples):
            small, large = sample["small"], sample["large"]
            assert small.shape == (3, 16, 16)
            assert large.shape == (3, 64, 64)
            assert small.min() >= 0
            assert small.max() <= 1
            np.testing.assert_allclose(small * 255, np.rint(small * 255), atol=1e-4)
            again = np.repeat(np.repeat(small, 4, axis=1), 4, axis=2)
            nears.append(np.abs(again - large).mean())
            fars.append(np.abs(again - other["large"]).mean())
        assert np.mean(nears) < 0.5 * np.mean(fars)
    assert len(find_shards([photos])) > 1


def test_the_judge_says_something_of_every_place() -> None:
    judge = PlaceJudge()
    photo = torch.rand(1, 3, 64, 96)
    assert judge(photo).shape == (1, 1, 32, 48)
    changed = photo.clone()
    changed[..., 40:, 60:] = 0
    moved = (judge(changed) - judge(photo)).abs()[0, 0]
    assert moved[20:, 30:].mean() > 10 * moved[:10, :10].mean()


@pytest.mark.parametrize("off", ["pixels", "perceptual", "adversarial"])
def test_losses_are_switches(off: str, photos: Path, teacher: Path) -> None:
    losses = without(VividLosses(), [off])
    recipe = VividRecipe(teacher, crop_px=64, net=TINY, losses=losses)
    samples = list(itertools.islice(recipe.samples([photos], 0), 2))
    batch = {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}
    loss, figures = recipe.loss(recipe.network(), batch)
    assert torch.isfinite(loss)
    shown = {"pixels", "perceptual", "adversarial", "judging"}
    gone = {"adversarial", "judging"} if off == "adversarial" else {off}
    assert set(figures) == shown - gone
    assert recipe.how == f"losses switched off: {off}"


def test_losses_that_do_not_exist_and_none_at_all(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown loss 'taste'"):
        without(VividLosses(), ["taste"])
    recipe = VividRecipe(losses=without(VividLosses(), ["pixels", "perceptual", "adversarial"]))
    with pytest.raises(OptionError, match="every loss of the recipe vivid"):
        recipe.loss(
            recipe.network(), {"small": torch.rand(1, 3, 8, 8), "large": torch.rand(1, 3, 32, 32)}
        )
    with pytest.raises(OptionError, match="of the recipe vivid that are left needs a teacher"):
        train(TrainRequest("vivid", (tmp_path,), tmp_path, 1.0, teacher=tmp_path,
                           without=("perceptual",)))  # fmt: skip
    with pytest.raises(OptionError, match="vivid needs a teacher, or --without perceptual"):
        train(TrainRequest("vivid", (photos,), tmp_path, 1.0))


def test_vivid_begins_where_upscale_ended(photos: Path, teacher: Path, tmp_path: Path) -> None:
    """A short run of each; the cards say what they are, and the judge stays behind."""
    faithful = train(TrainRequest("upscale", (photos,), tmp_path / "a", 0.05, workers=0))
    assert faithful is not None
    start = tmp_path / "a" / "upscale.onnx"
    request = TrainRequest(
        "vivid", (photos,), tmp_path / "b", 0.05, workers=0, teacher=teacher, start_from=start
    )
    card = train(request)
    assert card == ModelCard.read(tmp_path / "b" / "vivid.toml")
    assert card is not None
    assert (card.task, card.scale) == (faithful.task, faithful.scale) == ("upscale", 4)
    assert card.parameters == faithful.parameters
    assert "from upscale.onnx" in card.training
    assert "switched off: none" in card.training
    begun = VividRecipe(teacher).started_from(start)
    image = torch.rand(1, 3, 20, 20)
    again = VividRecipe(teacher).started_from(tmp_path / "b" / "vivid.onnx")
    assert (begun.eval()(image) - again.eval()(image)).abs().max() < 0.3


def test_a_published_enlarger_may_teach(photos: Path, teacher: Path, tmp_path: Path) -> None:
    """What it makes of the small photo is to be copied, by either recipe; the card says so."""
    request = TrainRequest("upscale", (photos,), tmp_path / "a", 0.05, workers=0)
    assert train(request) is not None
    enlarger = tmp_path / "a" / "upscale.onnx"  # next to the bicubic as yet
    published = tmp_path / "published"
    published.mkdir()
    shutil.copy(enlarger, published / TEACHER)
    shutil.copy(teacher, published / WEIGHTS)
    for recipe in (
        UpscaleRecipe(enlarger, crop_px=96, net=TINY),
        VividRecipe(published, crop_px=96, net=TINY),
    ):
        samples = list(itertools.islice(recipe.samples([photos], 3), 6))
        for sample in samples:
            assert {name: crop.shape for name, crop in sample.items()} == {
                "small": (3, 24, 24),
                "large": (3, 96, 96),
                "taught": (3, 96, 96),
            }
            plain = Enlarger(TINY)(torch.from_numpy(sample["small"][None]))[0].detach().numpy()
            off = np.abs(plain - sample["taught"])[:, 12:-12, 12:-12]
            assert off.mean() < 0.01 < np.abs(sample["large"] - plain).max()
        batch = {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}
        loss, _ = recipe.loss(recipe.network(), batch)
        taught_otherwise = {**batch, "taught": 1.0 - batch["taught"]}
        assert recipe.loss(recipe.network(), taught_otherwise)[0] > loss
    card = train(replace(request, out=tmp_path / "b", teacher=enlarger))
    assert card is not None
    assert "recipe upscale with upscale.onnx to copy" in card.training
    assert VividRecipe(published).how == f"{TEACHER} to copy, losses switched off: none"
    (tmp_path / "none.onnx").write_bytes(b"no network")
    for nothing in ("none.onnx", "missing.onnx"):
        with pytest.raises(RecipeError, match=f"{nothing}: no network that enlarges a photo"):
            next(UpscaleRecipe(tmp_path / nothing).samples([photos], 0))
    for other, said in (
        ("denoise", r"it does not enlarge photos 4 times \(of 32 x 32 px it makes 32 x 32\)"),
        ("tone", "no network that enlarges a photo"),  # takes thumbnails of 96 px
        ("faces", "no network that enlarges a photo"),
        ("identity", "no network that enlarges a photo"),
        ("colourise", "no network that enlarges a photo"),
    ):
        with pytest.raises(RecipeError, match=said):
            next(UpscaleRecipe(bundled_model(other).path).samples([photos], 0))


def test_a_network_is_made_deeper(photos: Path, tmp_path: Path) -> None:
    """Further blocks change nothing before they are trained, and none is left out."""
    shallow = UpscaleRecipe(crop_px=64, net=TINY)
    network = shallow.network()
    torch.nn.init.normal_(network.get_submodule("head").weight, std=0.01)
    exported = tmp_path / "upscale.onnx"
    export(shallow, network, exported, CardText("clean", "photos", "none", {}, "a test", "many"))
    deep = UpscaleRecipe(net=replace(TINY, blocks=3)).started_from(exported)
    image = torch.rand(1, 3, 20, 20)
    torch.testing.assert_close(deep(image), network(image), atol=2e-3, rtol=0)
    assert (network(image) - Enlarger(TINY)(image)).abs().max() > 0.01
    assert parameter_count(deep) > parameter_count(network)
    deep(image).sum().backward()
    for block in deep.blocks:
        weight = block.get_submodule("second").weight
        assert weight.grad is not None
        assert weight.grad.abs().max() > 0
    with pytest.raises(RecipeError, match="1 blocks, more than 0"):
        UpscaleRecipe(net=replace(TINY, blocks=0)).started_from(exported)
