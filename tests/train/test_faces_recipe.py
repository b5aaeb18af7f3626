"""The recipe `faces`: worn faces, losses that are switches, and where a run may begin."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn

from resilver.errors import OptionError, RecipeError
from resilver.imaging.alignment import FFHQ_FRAME, IDENTITY_FRAME
from resilver.models.session import OrtNetwork
from resilver.nets.gfpgan import GFPGAN, GFPGANConfig
from resilver.nets.restorer import FaceRestorer
from resilver.nets.stylegan2 import Generator, StyleGAN2Config
from resilver.train.face_losses import (
    COMPONENTS,
    ComponentJudge,
    Identity,
    LossWeights,
    component,
    judged_component,
)
from resilver.train.layouts import rebuild
from resilver.train.loop import FitConfig, FitResult, fit
from resilver.train.losses import judged
from resilver.train.mobilefacenet import MobileFaceNet
from resilver.train.optimise import Optimiser, lay_out
from resilver.train.recipe import Batch, Sample
from resilver.train.recipes.faces import INFO, FacesRecipe
from resilver.train.recipes.prior import PriorTraining
from resilver.train.run import TrainRequest, export_result, train
from resilver.train.squeezenet import SqueezeNet

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SMALL = GFPGANConfig(StyleGAN2Config(16, 2, (16, 16, 16, 16, 16)), (16, 16, 16, 16, 16))  # 64 px
LOSSES = [part.name for part in fields(LossWeights)]
TAUGHT = ("perceptual", "identity")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both teachers, their weights drawn at random."""
    folder = tmp_path_factory.mktemp("teachers")
    torch.manual_seed(0)
    squeezenet = {**SqueezeNet().state_dict(), "conv10.bias": torch.zeros(1000)}
    save_file(squeezenet, folder / "squeezenet1_0.safetensors")
    embedder = MobileFaceNet().state_dict()
    for name, value in embedder.items():
        many = value.ndim > 1
        embedder[name] = (
            torch.randn_like(value) * value[0].numel() ** -0.5 if many else value + 0.25
        )
    save_file(embedder, folder / "mobilefacenet-insightface.safetensors")
    return folder


class OneBatch(FacesRecipe):
    """The same samples again and again: whatever can learn at all learns these."""

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        first = list(itertools.islice(super().samples(sources, 0), self.info.batch))
        return itertools.cycle(first)


def batch_of(recipe: FacesRecipe, photos: Path, count: int = 2) -> Batch:
    samples = list(itertools.islice(recipe.samples([photos], 0), count))
    return {key: torch.from_numpy(np.stack([one[key] for one in samples])) for key in samples[0]}


def terms_of(recipe: FacesRecipe, batch: Batch) -> tuple[Tensor, dict[str, float], nn.Module]:
    torch.manual_seed(0)
    network = recipe.network().train()
    loss, figures = recipe.loss(network, batch)
    return loss, figures, network


def test_worn_faces_keep_their_tone_and_some_are_hardly_worn(photos: Path) -> None:
    recipe = FacesRecipe(net=SMALL)
    batch = batch_of(recipe, photos, 60)
    aged, good = batch["aged"], batch["good"]
    assert aged.shape == good.shape == (60, 3, 64, 64)
    assert float(aged.min()) >= 0.0
    assert float(aged.max()) <= 1.0
    assert float((aged.mean(dim=(1, 2, 3)) - good.mean(dim=(1, 2, 3))).abs().max()) < 0.06
    worn = (aged - good).abs().mean(dim=(1, 2, 3))
    assert 2 <= int((worn < 0.012).sum()) < 30
    grey = good.std(dim=1).amax(dim=(1, 2)) < 1e-3
    assert 10 <= int(grey.sum()) <= 35  # the tinted ones are not among them


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_can_be_switched_off(name: str, photos: Path, teachers: Path) -> None:
    everything = FacesRecipe(teachers, SMALL)
    batch = batch_of(everything, photos)
    whole, _, _ = terms_of(everything, batch)
    weights = LossWeights().without((name,))
    assert getattr(weights, name) == 0.0
    part, _, network = terms_of(replace(everything, weights=weights), batch)
    assert whole.item() != pytest.approx(part.item(), rel=1e-6)
    part.backward()
    judging = [w.grad is not None for w in network.get_submodule("judge").parameters()]
    assert all(judging) if name != "adversarial" else not any(judging)


def test_every_weight_learns_from_all_losses_together(photos: Path, teachers: Path) -> None:
    recipe = FacesRecipe(teachers, SMALL)
    loss, figures, network = terms_of(recipe, batch_of(recipe, photos))
    assert loss.item() == pytest.approx(sum(figures.values()), rel=1e-4)
    assert {"pixels", "pyramid", "perceptual", "identity", "judging", "mouth"} <= set(figures)
    loss.backward()
    assert all(w.grad is not None for w in network.parameters() if w.requires_grad)


def test_an_unknown_loss_is_refused_and_so_is_none_at_all(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown loss 'beauty'; there are: pixels, pyramid"):
        LossWeights().without(("beauty",))
    nothing = FacesRecipe(net=SMALL, weights=LossWeights().without(LOSSES))
    with pytest.raises(OptionError, match="every loss of the recipe faces is switched off"):
        terms_of(nothing, batch_of(nothing, photos))
    untaught = FacesRecipe(net=SMALL)
    with pytest.raises(OptionError, match="needs --teacher"):
        terms_of(untaught, batch_of(untaught, photos))
    request = TrainRequest("denoise", (photos,), tmp_path, 1.0, without=("identity",))
    with pytest.raises(OptionError, match="in the recipes faces and vivid only"):
        train(request)


def test_a_few_steps_bring_the_face_nearer(photos: Path) -> None:
    weights = LossWeights().without((*TAUGHT, "adversarial", "components", "style"))
    recipe = FacesRecipe(net=SMALL, weights=weights)
    batch = batch_of(recipe, photos, 4)
    torch.manual_seed(0)
    network = recipe.network().train()
    lay_out(network, torch.channels_last)
    optimiser = Optimiser(network, 1e-2, judges=INFO.judges)
    left: list[float] = []
    for _ in range(60):
        loss, figures = recipe.loss(network, batch)
        network.zero_grad()
        loss.backward()
        optimiser.step(1.0)
        left.append(figures["pixels"])
    assert left[-1] < 0.7 * left[0]


def test_judges_learn_beside_the_restorer_and_resume(photos: Path, tmp_path: Path) -> None:
    weights = LossWeights().without(TAUGHT)
    recipe = OneBatch(net=SMALL, weights=weights, info=replace(INFO, batch=2))
    torch.manual_seed(0)
    before = recipe.network()
    config = FitConfig(0.04, tmp_path, workers=0, threads=1, warmup_steps=1, ema_decay=0.5)
    result = fit(recipe, [photos], config, initial=before)
    assert int(result.network.get_buffer("step")) == result.steps > 1
    lines: list[str] = []
    fit(recipe, [photos], replace(config, minutes=0.06), log=lines.append)
    assert lines[0].startswith(f"resumed at step {result.steps}")


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_said_of_a_drawing_does_not_teach_its_judge(whole: bool) -> None:
    torch.manual_seed(0)
    judge: nn.Module
    real, drawn = torch.rand(2, 2, 3, 64, 64)
    drawn.requires_grad_()
    if whole:
        judge = FacesRecipe(net=SMALL).network().judge
        judging, fooling = judged(judge, real, drawn)
    else:
        judge = ComponentJudge()
        judging, fooling, style = judged_component(judge, real, drawn)
        assert float(style.detach()) > 0.0
        fooling = fooling + style
    fooling.backward()
    assert all(weight.grad is None for weight in judge.parameters())
    assert drawn.grad is not None
    assert float(drawn.grad.abs().sum()) > 0.0
    drawn.grad = None
    judging.backward()
    assert all(weight.grad is not None for weight in judge.parameters())
    assert drawn.grad is None


def test_components_lie_around_their_points() -> None:
    places = torch.arange(256.0) + 0.5
    x, y = torch.meshgrid(places, places, indexing="xy")
    face = torch.stack((x, y))[None]
    named = {"left_eye": FFHQ_FRAME[0], "right_eye": FFHQ_FRAME[1], "mouth": FFHQ_FRAME[3:].mean(0)}
    assert set(named) == set(COMPONENTS)
    for name, point in named.items():
        part = component(face, name)
        assert part.shape[-1] % 8 == part.shape[-2] % 8 == 0
        middle = part.mean(dim=(2, 3))[0].numpy()
        assert np.abs(middle - point * 256).max() < 8.0


def test_identity_looks_into_arcfaces_frame(teachers: Path) -> None:
    """What lies at the points of FFHQ's frame comes to lie at those of ArcFace's."""
    judge = Identity(teachers / "mobilefacenet-insightface.safetensors", torch.device("cpu"))
    places = (torch.arange(256.0) + 0.5) / 256
    x, y = torch.meshgrid(places, places, indexing="xy")
    seen = judge._cut(torch.stack((x, y, x))[None])[0, :2]  # pyright: ignore[reportPrivateUsage]
    for there, here in zip(IDENTITY_FRAME, FFHQ_FRAME, strict=True):
        column, row = (int(value) for value in there * 112)
        assert np.abs(seen[:, row, column].numpy() - here).max() < 0.02
    one, other = torch.rand(2, 1, 3, 256, 256)
    assert float(judge(one, one)) == pytest.approx(0.0, abs=1e-5)
    assert float(judge(one, other)) > 0.0


def test_mobilefacenet_is_the_published_network(shared: Path) -> None:
    path = shared / "weights" / "mobilefacenet-insightface"
    face = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    ours = MobileFaceNet.read(path.with_suffix(".safetensors"))(face).numpy()
    (theirs,) = OrtNetwork(path.with_suffix(".onnx"), 1).run((255 * face).numpy())
    np.testing.assert_allclose(ours, theirs, atol=5e-3)  # the file is stored in half precision
    with pytest.raises(RecipeError, match="not the weights of MobileFaceNet"):
        MobileFaceNet.read(shared / "weights" / "squeezenet1_0.safetensors")


def test_without_a_prior_the_face_comes_straight_through() -> None:
    torch.manual_seed(0)
    face = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        kept, own = FaceRestorer(SMALL, residual=True).forward_scales(face)
        drawn, _ = FaceRestorer(SMALL).forward_scales(face)
        restored = FaceRestorer(SMALL, residual=True)(face)
    assert float((kept - face).abs().mean()) < 0.1 < float((drawn - face).abs().mean())
    assert [small.shape[-1] for small in own] == [8, 16, 32, 64]
    assert float(restored.min()) >= 0.0
    assert float(restored.max()) <= 1.0


def test_a_folded_network_is_for_faces_twice_as_large() -> None:
    torch.manual_seed(0)
    folded = replace(SMALL, fold=2)
    face = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        restored, own = FaceRestorer(folded, residual=True).forward_scales(face)
    assert restored.shape == face.shape
    assert [small.shape[-1] for small in own] == [16, 32, 64, 128]
    _layout, network = rebuild(GFPGAN(folded).state_dict())
    assert isinstance(network, GFPGAN)
    assert network.config == folded
    with pytest.raises(ValueError, match="not of a"):
        GFPGAN(folded).from_prior(Generator(SMALL.prior))


def test_a_run_begins_with_a_prior_or_with_another_restorer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    prior = PriorTraining(SMALL.prior)
    path = tmp_path / "prior.pt"
    torch.save({"recipe": "prior", "average": prior.state_dict()}, path)
    recipe = FacesRecipe()
    begun = recipe.started_from(path)
    assert not recipe.residual
    assert recipe.net.prior == SMALL.prior
    decoder = begun.restorer.network.stylegan_decoder
    torch.testing.assert_close(decoder.constant_input.weight, prior.generator.input.input)
    torch.save({"recipe": "faces", "average": begun.state_dict()}, path)
    again = FacesRecipe()
    resumed = again.started_from(path)
    assert (again.net, again.residual) == (recipe.net, False)
    for name, value in resumed.state_dict().items():
        torch.testing.assert_close(value, begun.state_dict()[name])
    (tmp_path / "no.pt").write_bytes(b"nothing")
    with pytest.raises(RecipeError, match="no state of a prior or of a restorer"):
        FacesRecipe().started_from(tmp_path / "no.pt")


@pytest.fixture
def prior_state(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "prior.pt"
    torch.save({"recipe": "prior", "average": PriorTraining(SMALL.prior).state_dict()}, path)
    return path


def test_a_prior_stays_as_it_is_and_the_rest_learns(
    photos: Path, prior_state: Path, tmp_path: Path
) -> None:
    weights = LossWeights().without(TAUGHT)
    config = FitConfig(0.05, tmp_path / "run", workers=0, threads=1, warmup_steps=1, ema_decay=0.5)
    lines: list[str] = []
    for minutes in (0.05, 0.1):  # in a second sitting too
        recipe = OneBatch(weights=weights, info=replace(INFO, batch=2))
        begun = recipe.started_from(prior_state)
        before = {name: value.clone() for name, value in begun.state_dict().items()}
        config = replace(config, minutes=minutes)
        result = fit(recipe, [photos], config, initial=begun, log=lines.append)
        assert result.steps > 0
        for name, value in result.network.named_parameters():
            kept = "stylegan_decoder" in name
            assert torch.equal(value, before[name]) == kept, name
    assert any(line.startswith("resumed at step") for line in lines)


def test_several_processes_can_share_a_network_with_a_prior(
    photos: Path, prior_state: Path
) -> None:
    """What takes part in every step has a gradient, or the processes would wait for it."""
    recipe = FacesRecipe(weights=LossWeights().without(TAUGHT))
    network = recipe.started_from(prior_state).train()
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        shared = nn.parallel.DistributedDataParallel(network)
        batch = batch_of(recipe, photos)
        for _ in range(3):  # it complains at the second step of what was missing in the first
            network.zero_grad()
            recipe.loss(shared, batch)[0].backward()
    finally:
        dist.destroy_process_group()
    decoder = network.restorer.network.stylegan_decoder
    assert all(weight.grad is None for weight in decoder.parameters())


def test_a_run_that_goes_on_from_a_restorer_trains_its_decoder(prior_state: Path) -> None:
    begun = FacesRecipe().started_from(prior_state)
    torch.save({"recipe": "faces", "average": begun.state_dict()}, prior_state)
    again = FacesRecipe().started_from(prior_state).restorer.network.stylegan_decoder
    assert again.constant_input.weight.requires_grad


def test_the_export_is_the_restorer_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = FacesRecipe(net=SMALL)
    network = recipe.network().eval()
    request = TrainRequest("faces", (tmp_path,), tmp_path, 1.0, data_note="none")
    card = export_result(recipe, FitResult(network, 1, 60.0, 4), request)
    assert (card.task, card.size_px, card.inputs) == ("face", 64, ("face",))
    assert "no trained prior" in card.training
    assert "switched off: none" in card.training
    assert card.parameters < sum(weight.numel() for weight in network.parameters())
    face = torch.rand(3, 3, 64, 64)
    (restored,) = OrtNetwork(tmp_path / "faces.onnx", 1).run(face.numpy())
    with torch.no_grad():
        np.testing.assert_allclose(restored, network(face).numpy(), atol=2e-3)


def test_a_run_begins_with_an_exported_restorer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = FacesRecipe(net=SMALL)
    network = recipe.network().eval()
    request = TrainRequest("faces", (tmp_path,), tmp_path, 1.0, data_note="none")
    export_result(recipe, FitResult(network, 1, 60.0, 4), request)
    torch.manual_seed(1)  # a fresh network is another one
    begun = FacesRecipe(net=SMALL).started_from(tmp_path / "faces.onnx").eval()
    face = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(begun(face), network(face), atol=1e-5, rtol=0)
    biases = [layer.bias for layer in network.restorer.network.stylegan_decoder.to_rgbs]
    assert all(torch.equal(bias, biases[0]) for bias in biases)  # so they are stored as one
    with pytest.raises(RecipeError, match="has no weight"):
        FacesRecipe().started_from(tmp_path / "faces.onnx")
