"""Recipe `tone`: what the network starts from, what its losses see, and that it learns."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from resilver.imaging.lut import ColourTable, spline_weights
from resilver.imaging.lut import apply_field as field_on_array
from resilver.imaging.tiles import to_u16
from resilver.imaging.tone import is_monochrome
from resilver.nets.tone import ToneNet, apply_field, apply_table
from resilver.train.feeding import collate
from resilver.train.optimise import Optimiser
from resilver.train.recipes.tone import (
    ToneRecipe,
    falling,
    roughness,
    unevenness,
)
from resilver.train.squeezenet import SqueezeNet


def identity(nodes: int = 5) -> torch.Tensor:
    steps = torch.linspace(0, 1, nodes)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack((red, green, blue))[None]


def test_a_fresh_network_changes_next_to_nothing() -> None:
    torch.manual_seed(0)
    network = ToneNet().eval()
    image = torch.rand(2, 3, 96, 96)
    table, field, faded = network(image)
    assert table.shape == (2, 3, 17, 17, 17)
    assert field.shape == (2, 6, 6, 6)
    assert faded.shape == (2, 1)
    assert ((faded > 0.3) & (faded < 0.7)).all()  # it does not know
    weights = torch.from_numpy(spline_weights(96, 6))
    result = apply_table(table, apply_field(field, image, (weights, weights)))
    assert (result - image).abs().mean() < 0.05


def test_curves_rise_whatever_the_weights() -> None:
    torch.manual_seed(1)
    network = ToneNet()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    torch.nn.init.zeros_(network.tables)
    for layer in (network.matrix.weight, network.matrix.bias):
        torch.nn.init.zeros_(layer)
    table, _field, _faded = network(torch.rand(2, 3, 96, 96))
    assert falling(table) == 0.0


def test_arrays_and_tensors_agree() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((3, 17, 17, 17), np.float32)
    field = rng.random((6, 8, 8), np.float32)
    picture = rng.random((20, 30, 3), np.float32)
    rows, columns = spline_weights(20, 8), spline_weights(30, 8)
    ours = ColourTable.of(table).apply(field_on_array(field, picture, rows, columns))
    batch = torch.from_numpy(picture).permute(2, 0, 1)[None]
    weights = (torch.from_numpy(rows), torch.from_numpy(columns))
    lit = apply_field(torch.from_numpy(field)[None], batch, weights)
    theirs = apply_table(torch.from_numpy(table)[None], lit)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_what_is_linear_is_smooth_and_what_rises_does_not_fall() -> None:
    table = identity()
    assert roughness(table) < 1e-12
    assert falling(table) == 0
    bent = table.clone()
    bent[:, :, 2, 2, 2] += 0.4
    assert roughness(bent) > 1e-4
    assert falling(bent) > 1e-4
    assert falling(1 - table) == pytest.approx(3 * 0.25)
    even = torch.ones(1, 6, 8, 8)
    assert unevenness(even) == 0
    even[:, 0, 3, 3] = 2.0
    assert unevenness(even) > 0


def test_some_photos_are_good_and_all_others_have_faded(photos: Path) -> None:
    samples = list(itertools.islice(ToneRecipe().samples([photos], 0), 60))
    assert all(s["faded"] == float(not np.array_equal(s["seen"], s["target"])) for s in samples)
    moved = np.array([np.abs(s["seen"] - s["target"]).mean() for s in samples])
    same = [np.array_equal(s["seen"], s["target"]) for s in samples]
    assert 0.1 < np.mean(same) < 0.45
    assert np.median(moved[~np.array(same)]) > 0.03
    grey = [np.ptp(s["target"], axis=0).max() == 0 for s in samples]
    assert 0 < np.mean(grey) < 0.4


def test_monochrome_prints_are_grey_whether_they_have_faded_or_not(photos: Path) -> None:
    """As the stage shows them; else grey alone would tell a good print."""
    samples = list(itertools.islice(ToneRecipe().samples([photos], 0), 120))
    grey = [s for s in samples if np.ptp(s["seen"], axis=0).max() == 0]
    assert all(np.ptp(s["target"], axis=0).max() == 0 for s in grey)
    faded = [bool(s["faded"][0]) for s in grey]
    assert 0.3 < np.mean(faded) < 0.9
    for sample in samples:
        print_ = to_u16(np.moveaxis(sample["seen"], 0, -1))
        assert is_monochrome(print_) == (np.ptp(sample["seen"], axis=0).max() == 0)


def test_it_learns_to_undo_fading(photos: Path) -> None:
    torch.manual_seed(0)
    recipe = ToneRecipe()
    batch = collate(list(itertools.islice(recipe.samples([photos], 0), 8)))
    network = recipe.network()
    optimiser = Optimiser(network, recipe.info.learning_rate)
    errors: list[float] = []
    for _ in range(45):
        loss, figures = recipe.loss(network, batch)
        network.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step(1.0)
        errors.append(figures["dE"])
    assert errors[-1] < 0.6 * figures["dE before"]
    assert figures["judged rightly"] >= 7 / 8


def test_the_encoder_starts_from_what_squeezenet_learned(shared: Path) -> None:
    torch.manual_seed(0)
    file = shared / "weights" / "squeezenet1_0.safetensors"
    network, teacher = ToneRecipe().started_from(file), SqueezeNet.read(file)
    assert isinstance(network, ToneNet)
    image = torch.rand(1, 3, 96, 96)
    # What is given to both differs by a factor, and so does all that follows.
    mean = torch.tensor((123.0, 117.0, 104.0))[:, None, None]
    given = ((255.0 * image - mean) / 32.0).flip(1)
    with torch.no_grad():
        for ours, theirs in zip(network.encoder(given), teacher(image), strict=True):
            assert torch.allclose(32.0 * ours, theirs, rtol=1e-3, atol=1e-2 * float(theirs.std()))


def test_what_has_faded_evenly_looks_the_same_to_the_encoder() -> None:
    torch.manual_seed(0)
    network = ToneNet()
    seen: list[torch.Tensor] = []
    network.encoder.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    image = torch.rand(1, 3, 96, 96)
    low, high = (torch.tensor(ends)[:, None, None] for ends in ((0.2, 0.3, 0.1), (0.7, 0.8, 0.9)))
    network(image)
    network(low + image * (high - low))
    assert torch.allclose(seen[0], seen[1], atol=0.02)
