"""The recipe `denoise` with a published denoiser that teaches it besides."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
import torch
from onnx import save_model

from resilver.errors import OptionError, RecipeError
from resilver.nets.unet import UNetConfig
from resilver.train.recipe import Sample
from resilver.train.recipes.denoise import DenoiseRecipe
from resilver.train.run import TrainRequest, train

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TINY = UNetConfig(widths=(12, 16), blocks=(1,), middle_blocks=1)
# Takes the mean of nine pixels; the sigma it is told is added, so that one can see that it was.
AVERAGING = """
<ir_version: 8, opset_import: ["" : 17]>
averaging (float[N,3,H,W] image, float[N,1,1,1] sigma) => (float[N,3,H,W] output)
{
    mean = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (image)
    output = Add (mean, sigma)
}
"""


@pytest.fixture
def averaging(tmp_path: Path) -> Path:
    path = tmp_path / "averaging.onnx"
    save_model(onnx.parser.parse_model(AVERAGING), path)
    return path


def drawn(recipe: DenoiseRecipe, photos: Path, number: int) -> list[Sample]:
    return list(itertools.islice(recipe.samples([photos], 5), number))


def answer(sample: Sample) -> np.ndarray:
    """What the averaging network says of the inside of a sample."""
    seen = torch.from_numpy(sample["seen"][None])
    return torch.nn.functional.avg_pool2d(seen, 3, 1)[0].numpy() + sample["sigma"][0]


def test_a_published_denoiser_answers_for_white_noise_only(photos: Path, averaging: Path) -> None:
    taught = untaught = 0
    for sample in drawn(DenoiseRecipe(averaging, crop_px=48, net=TINY), photos, 200):
        assert {name: value.shape for name, value in sample.items()} == {
            "seen": (3, 48, 48),
            "target": (3, 48, 48),
            "taught": (3, 48, 48),
            "sigma": (1,),
        }
        if np.array_equal(sample["taught"], sample["target"]):
            untaught += 1
            continue
        assert not np.array_equal(sample["seen"][0], sample["seen"][1])  # noise in colour
        inside = sample["taught"][:, 1:-1, 1:-1]
        # What is shown may have been clipped and compressed after the teacher saw it.
        taught += np.abs(inside - answer(sample)).max() < 1e-5
    assert taught > 20
    assert untaught > 20


def test_what_it_answers_is_copied_and_stands_on_the_card(
    photos: Path, averaging: Path, tmp_path: Path
) -> None:
    recipe = DenoiseRecipe(averaging, crop_px=48, net=TINY)
    samples = drawn(recipe, photos, 16)
    batch = {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}
    torch.manual_seed(0)
    network = recipe.network()
    loss, figures = recipe.loss(network, batch)
    assert set(figures) == {"left", "apart"}
    assert recipe.loss(network, {**batch, "taught": 1.0 - batch["taught"]})[0] > loss
    request = TrainRequest(
        "denoise", (photos,), tmp_path / "run", 0.2, workers=0, teacher=averaging
    )
    card = train(request)
    assert card is not None
    assert "with noisy targets, averaging.onnx to copy" in card.training
    (tmp_path / "none.onnx").write_bytes(b"no network")
    for nothing in ("none.onnx", "missing.onnx"):
        untaught = replace(request, teacher=tmp_path / nothing)
        with pytest.raises(RecipeError, match=f"{nothing}: no network that takes noise off"):
            train(untaught)


@pytest.mark.parametrize("rate", [0.0, -1.0, 1.5, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="the rate is more than 0 and at most 1"):
        train(TrainRequest("denoise", (photos,), tmp_path, 1.0, rate=rate))
