"""The recipe `prior`: two networks learn against each other, and grow."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from resilver.errors import OptionError, RecipeError
from resilver.models.card import Terms
from resilver.nets.stylegan2 import StyleGAN2Config
from resilver.train import drawing, run
from resilver.train.augment import MOST, TARGET, adapted, augment
from resilver.train.checkpoint import read_checkpoint
from resilver.train.distance import frechet
from resilver.train.drawing import PATH_EVERY, R1_EVERY, PriorTraining
from resilver.train.feeding import collate
from resilver.train.importing import import_checkpoint
from resilver.train.layouts import rebuild
from resilver.train.loop import FitConfig, fit
from resilver.train.optimise import Optimiser
from resilver.train.recipes import prior
from resilver.train.recipes.prior import (
    INFO,
    PriorRecipe,
    config_for,
    grown,
    started_from,
)
from resilver.train.run import TrainRequest, train
from resilver.train.sheets import sheet

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SMALL = StyleGAN2Config(style_dim=16, mapping_layers=2, channels=(16, 16, 8))


def test_both_networks_learn_and_regularisation_is_lazy() -> None:
    torch.manual_seed(0)
    network = PriorTraining(SMALL).train()
    real = torch.rand(8, 3, 16, 16) * 2 - 1
    seen: list[set[str]] = []
    for _ in range(R1_EVERY + 1):
        drawn, loss, figures = network(real)
        assert len(drawn) == 0  # it knows no codes, so that none is drawn from one
        network.zero_grad()
        loss.backward()
        seen.append(set(figures))
    assert [step for step, names in enumerate(seen) if "r1" in names] == [0, R1_EVERY]
    assert [step for step, names in enumerate(seen) if "path" in names][:2] == [0, PATH_EVERY]
    assert int(network.step) == R1_EVERY + 1
    assert float(network.path_length) > 0


@pytest.mark.parametrize("bias", [-9.0, -4.0, 0.0, 4.0])
def test_one_pass_teaches_the_generator_what_its_own_loss_would(bias: float) -> None:
    torch.manual_seed(0)
    network = PriorTraining(SMALL).train()
    network.step.fill_(1)  # no regularisation in this step
    network.discriminator._group = 1  # each face is judged by itself
    last = network.discriminator.final_linear[1]
    with torch.no_grad():
        last.bias.fill_(bias)
    real = torch.rand(4, 3, 16, 16) * 2 - 1
    state = torch.get_rng_state()
    _, loss, figures = network(real)
    loss.backward()
    weights = network.generator.named_parameters()
    learned = {name: weight.grad for name, weight in weights if weight.grad is not None}
    torch.set_rng_state(state)
    network.zero_grad()
    styles = network._styles(4, real)
    faces = network.generator.synthesis(styles, network.generator.fresh_noise(4))
    wanted = torch.nn.functional.softplus(-network.discriminator(faces)).mean()
    wanted.backward()
    assert figures["drawing"] == pytest.approx(float(wanted.detach()), rel=1e-5)
    compared = 0
    for name, weight in network.generator.named_parameters():
        if weight.grad is not None and float(weight.grad.norm()) > 1e-6:
            torch.testing.assert_close(
                learned[name], weight.grad, rtol=0.02, atol=0.02 * float(weight.grad.abs().max())
            )
            compared += 1
    assert compared > 20


def test_the_generators_loss_does_not_teach_the_discriminator() -> None:
    """Against a discriminator that is sure of itself, its own gradient all but vanishes."""
    torch.manual_seed(0)
    network = PriorTraining(SMALL).train()
    network.step.fill_(1)  # no regularisation in this step
    last = network.discriminator.final_linear[1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(-30.0)  # everything is judged drawn ...
    _, loss, figures = network(torch.rand(4, 3, 16, 16) * 2 - 1)
    loss.backward()
    assert figures["drawing"] == pytest.approx(30.0, rel=1e-3)
    # ... so that the drawn ones teach it next to nothing, the real ones with slope -1, and the
    # generator's loss, were it heard, with slope -1 again.
    assert last.bias.grad is not None
    assert float(last.bias.grad) == pytest.approx(-1.0, abs=0.01)


def test_each_regularisation_counts_for_the_steps_it_stands_for() -> None:
    torch.manual_seed(0)
    network = PriorTraining(SMALL).train()
    network._r1 = lambda _real: torch.tensor(0.5)
    network._path = lambda _count: torch.tensor(0.25)
    _, loss, figures = network(torch.rand(4, 3, 16, 16) * 2 - 1)
    assert float(loss.detach()) - figures["judging"] == pytest.approx(
        R1_EVERY / 2 * 1.0 * 0.5 + PATH_EVERY * 2.0 * 0.25, rel=1e-5
    )


def test_r1_is_the_squared_slope_of_the_judgement() -> None:
    class Slope(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((3, 16, 16), 0.1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return (images * self.weight).sum(dim=(1, 2, 3))

    network = PriorTraining(SMALL).train()
    network.discriminator = Slope()
    penalty = network._r1(torch.rand(5, 3, 16, 16))
    assert float(penalty.detach()) == pytest.approx(3 * 16 * 16 * 0.01, rel=1e-4)
    penalty.backward()
    gradient = network.discriminator.weight.grad
    assert gradient is not None  # it teaches the discriminator to be less steep
    torch.testing.assert_close(gradient, torch.full((3, 16, 16), 0.2))


def test_path_lengths_are_those_of_steps_in_w_and_their_spread_is_the_penalty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a generator whose faces are a matrix times the mean of its styles."""
    torch.manual_seed(0)
    network = PriorTraining(SMALL).train()
    matrix = torch.randn(3 * 16 * 16, SMALL.style_dim)
    monkeypatch.setattr(
        network.generator,
        "synthesis",
        lambda styles, _noise: (styles.mean(dim=1) @ matrix.T).reshape(-1, 3, 16, 16),
    )
    monkeypatch.setattr(network.generator, "fresh_noise", lambda _count: [])

    def expected() -> torch.Tensor:
        """The same draws as a measurement makes, and what they come to by hand."""
        torch.randn(6, SMALL.style_dim)
        directions = torch.randn(6, 3, 16, 16)
        moved = directions.flatten(1) @ matrix / 16 / SMALL.layers  # the same for every layer
        return moved.norm(dim=1)

    state = torch.get_rng_state()
    penalties = [network._path(6), network._path(6)]
    torch.set_rng_state(state)
    first, second = expected(), expected()
    mean = first.mean()
    torch.testing.assert_close(penalties[0], (first - mean).square().mean())
    mean = 0.99 * mean + 0.01 * second.mean()
    torch.testing.assert_close(penalties[1], (second - mean).square().mean())
    torch.testing.assert_close(network.path_length, mean)


def test_path_lengths_begin_with_the_first_that_is_measured() -> None:
    torch.manual_seed(0)
    network = PriorTraining(SMALL).train()
    network.step.fill_(PATH_EVERY)  # after a head start, say
    network(torch.rand(8, 3, 16, 16) * 2 - 1)
    first = float(network.path_length)
    fresh = PriorTraining(SMALL).train()
    fresh.load_state_dict(network.state_dict())
    fresh.step.fill_(PATH_EVERY)
    fresh(torch.rand(8, 3, 16, 16) * 2 - 1)
    assert 0.5 < float(fresh.path_length) / first < 2.0
    assert first > 0.1


def test_faces_are_drawn_from_their_codes_before_there_is_a_judge(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "HEAD_START", 100)
    recipe = PriorRecipe(net=SMALL, info=replace(INFO, batch=4))
    torch.manual_seed(0)
    network = recipe.begun([photos], seed=0)
    again = recipe.begun([photos], seed=0)  # by its seed
    torch.testing.assert_close(again.generator.style[1].weight, network.generator.style[1].weight)
    optimiser = Optimiser(network, INFO.learning_rate, adversarial=True, judges=INFO.judges)
    before = network.discriminator.final_linear[1].weight.detach().clone()
    stream = recipe.samples([photos], 0)
    likeness: list[float] = []
    for step in range(102):
        loss, figures = recipe.loss(network, collate(list(itertools.islice(stream, 4))))
        assert ("judging" in figures) == (step >= 100)
        likeness.append(figures["pixels"])
        network.zero_grad(set_to_none=True)
        loss.backward()
        if step < 100:
            assert all(weight.grad is None for weight in network.discriminator.parameters())
        optimiser.step(1.0)
    assert np.mean(likeness[95:100]) < 0.9 * np.mean(likeness[:5])
    assert not torch.equal(network.discriminator.final_linear[1].weight, before)


def test_a_prior_that_grows_has_no_second_head_start() -> None:
    small = PriorTraining(SMALL)
    small.know(torch.rand(40, 3, 16, 16) * 2 - 1)
    small.step.fill_(70)
    large = grown(small, replace(SMALL, channels=(*SMALL.channels, 8)))
    assert int(large.step) == 70
    faces = torch.rand(2, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(large.codes(faces), small.codes(faces))


def test_the_generator_learns_to_draw_what_it_is_shown(tmp_path: Path) -> None:
    """Bright discs on dark ground: after a short training the middle is brighter than the rim."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for index in range(8):
        canvas = np.full((32, 32, 3), 20 + 5 * index, np.uint8)
        cv2.circle(canvas, (16, 16), 9, (200, 220, 240), -1)
        cv2.imwrite(str(folder / f"{index}.png"), canvas)
    recipe = PriorRecipe(net=SMALL, info=replace(INFO, batch=8))
    torch.manual_seed(0)
    network = recipe.network()
    optimiser = Optimiser(network, INFO.learning_rate, adversarial=True, judges=INFO.judges)
    stream = recipe.samples([folder], 0)
    for _ in range(120):
        loss, _ = recipe.loss(network, collate(list(itertools.islice(stream, 8))))
        network.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step(1.0)
    network.eval()
    with torch.no_grad():
        faces = network(torch.randn(16, SMALL.style_dim))
    middle = faces[..., 6:10, 6:10].mean()
    rim = faces[..., :2, :].mean()
    assert middle > rim + 0.5


def test_what_a_run_has_come_to_can_be_imported(tmp_path: Path, photos: Path) -> None:
    recipe = PriorRecipe(net=SMALL, info=replace(INFO, batch=4))
    result = fit(recipe, [photos], FitConfig(0.01, tmp_path / "out", workers=0, threads=1))
    card = import_checkpoint(
        tmp_path / "out" / "state.pt",
        "mine",
        tmp_path / "models",
        lambda: Terms("research", "a test"),
    )
    assert (card.task, card.size_px) == ("prior", 16)
    average = result.network.state_dict()
    for name, weight in load_file(tmp_path / "models" / "mine.safetensors").items():
        torch.testing.assert_close(weight, average[f"generator.{name}"], atol=1e-3, rtol=1e-3)


def test_a_grown_prior_draws_what_the_small_one_did() -> None:
    torch.manual_seed(0)
    small = PriorTraining(SMALL).eval()
    config = replace(SMALL, channels=(*SMALL.channels, 8))
    large = grown(small, config).eval()
    z = torch.randn(2, SMALL.style_dim)
    with torch.no_grad():
        before = torch.nn.functional.interpolate(small(z), scale_factor=2.0, mode="bilinear")
        torch.testing.assert_close(large(z)[..., 2:-2, 2:-2], before[..., 2:-2, 2:-2])
    theirs = dict(small.discriminator.named_parameters())
    mine = dict(large.discriminator.named_parameters())
    torch.testing.assert_close(mine["convs.3.conv1.0.weight"], theirs["convs.2.conv1.0.weight"])
    with pytest.raises(ValueError, match="is not the beginning of"):
        grown(small, replace(config, style_dim=8))


def test_a_run_grows_from_the_state_of_a_smaller_one(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prior, "CHANNELS", (16, 16, 16, 8, 8, 8, 8))
    request = TrainRequest("prior", (photos,), tmp_path / "16", 0.02, workers=0, side_px=16)
    card = train(request)
    assert card is not None
    assert (card.task, card.size_px) == ("prior", 16)
    small, _ = rebuild(read_checkpoint(tmp_path / "16" / "prior.safetensors"))
    assert small.name == "StyleGAN2 generator"
    state = tmp_path / "16" / "state.pt"
    larger = replace(request, out=tmp_path / "32", side_px=32, start_from=state)
    card = train(larger)
    assert card is not None
    assert card.size_px == 32
    exported = tmp_path / "16" / "prior_state.safetensors"
    again = started_from(exported, config_for(32))
    assert int(again.step) == int(started_from(state, config_for(32)).step) > 0
    for name, weight in started_from(state, config_for(16)).state_dict().items():
        halved = started_from(exported, config_for(16)).state_dict()[name]
        torch.testing.assert_close(halved, weight, atol=1e-3, rtol=2e-3)
    assert read_checkpoint(exported).keys() == read_checkpoint(state).keys()
    with pytest.raises(RecipeError, match="not the state of a prior"):
        train(replace(larger, out=tmp_path / "x", start_from=photos / "0.png"))
    with pytest.raises(OptionError, match="a choice of the recipe prior only"):
        train(replace(request, recipe="denoise"))
    with pytest.raises(OptionError, match="faces are of 16, 32, 64, 128, 256 px, not 48"):
        train(replace(request, side_px=48))


def test_a_run_is_looked_at_and_its_card_says_how_far_it_came(
    tmp_path: Path, photos: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prior, "CHANNELS", (16, 16, 8))
    monkeypatch.setattr(prior, "INSPECTED_FACES", 40)
    monkeypatch.setattr(run, "INSPECTED_FACES", 40)
    teacher = shared / "weights" / "squeezenet1_0.safetensors"
    request = TrainRequest(
        "prior", (photos,), tmp_path, 0.02, workers=0, side_px=16, teacher=teacher
    )
    lines: list[str] = []
    card = train(request, lines.append)
    assert card is not None
    (looked,) = [line for line in lines if line.startswith("looked at")]
    (path,) = tmp_path.glob("sheet_*.png")
    seen = int(path.stem.removeprefix("sheet_"))
    assert f"after {seen} samples" in looked
    assert f"{seen} faces seen" in card.training
    shown = cv2.imread(str(path))
    assert shown is not None
    assert shown.shape == (4 * 16, 8 * 16, 3)
    assert shown.std() > 1
    distance = float(looked.split("squeezenet_distance ")[1].split()[0])
    assert distance > 0.1  # noise is far from the photos it was shown
    assert f"from 40 of the training is {distance:.4g}" in card.training
    assert "not the published FID" in card.training
    again = train(request)  # resumed at its end
    assert again is not None
    assert again.training == card.training
    with pytest.raises(RecipeError, match="not the weights of SqueezeNet"):
        train(replace(request, teacher=photos / "0.png"))


def test_the_distance_of_real_faces_from_themselves_is_nothing(
    photos: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prior that draws the very faces it was shown is at no distance; one of noise is not."""

    class Copyist(torch.nn.Module):
        def __init__(self, recipe: PriorRecipe, spoilt: float) -> None:
            super().__init__()
            self.stream = recipe.samples([photos], seed=0)
            self.spoilt = torch.nn.Parameter(torch.tensor(spoilt))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            faces = [torch.from_numpy(next(self.stream)["face"]) for _ in z]
            return torch.stack(faces) + self.spoilt * torch.randn(len(z), 3, 16, 16)

    monkeypatch.setattr(prior, "INSPECTED_FACES", 64)
    torch.manual_seed(0)
    recipe = PriorRecipe(net=SMALL, teacher=shared / "weights" / "squeezenet1_0.safetensors")
    far = recipe.inspect(Copyist(recipe, 0.5), [photos]).figures["squeezenet_distance"]
    # Those for the sheet come first: the copies are others of the same three photos.
    near = recipe.inspect(Copyist(recipe, 0.0), [photos]).figures["squeezenet_distance"]
    assert 0.0 <= near < 0.1
    assert far > 10 * near
    assert PriorRecipe(net=SMALL).inspect(Copyist(recipe, 0.0), [photos]).figures == {}


def test_augmentation_changes_a_share_of_the_images_and_lets_gradients_through() -> None:
    torch.manual_seed(0)
    images = torch.rand(200, 3, 16, 16, requires_grad=True)
    assert augment(images, 0.0) is images
    changed = augment(images, 0.2)
    moved = (changed - images).abs().amax(dim=(1, 2, 3)) > 1e-4
    # Seven kinds of change of a fifth each (mirrors: a tenth) leave a fifth as it was.
    assert 0.6 < float(moved.float().mean()) < 0.95
    changed.square().sum().backward()
    assert images.grad is not None
    assert float(images.grad.abs().sum()) > 0


def test_augmentation_follows_how_sure_the_discriminator_is() -> None:
    assert adapted(0.3, TARGET + 0.1, 1000) > 0.3
    assert adapted(0.3, TARGET - 0.1, 1000) < 0.3
    assert adapted(0.0, 0.0, 1000) == 0.0
    assert adapted(MOST, 1.0, 1000) == MOST


def test_the_distance_grows_with_difference() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(500, 6))

    def of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return values.mean(axis=0), np.cov(values, rowvar=False)

    assert frechet(of(base), of(base)) == pytest.approx(0.0, abs=1e-6)
    # Unit variance in six dimensions: |m|^2 / 6 for a shift, (2 - 1)^2 for twice as wide.
    assert frechet(of(base), of(base + 1.0)) == pytest.approx(1.0, abs=0.1)
    assert frechet(of(base), of(2.0 * base)) == pytest.approx(1.0, abs=0.1)


def test_a_sheet_shows_every_face() -> None:
    faces = torch.stack([torch.full((3, 4, 4), value) for value in (-1.0, 0.0, 1.0)])
    shown = sheet(faces, columns=2)
    assert shown.shape == (8, 8, 3)
    assert shown[0, 0, 0] == 0
    assert shown[0, 4, 0] in (127, 128)
    assert shown[4, 0, 0] == 255
