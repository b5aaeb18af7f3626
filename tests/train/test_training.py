"""The loop, the recipes and the export, on tiny networks and real (synthetic) photos."""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.tensorboard import SummaryWriter

from resilver.errors import OptionError, PhotoNotWritten, RecipeError
from resilver.imaging.tiles import Pixels
from resilver.models.card import Licence
from resilver.models.session import OrtNetwork
from resilver.models.store import bundled_model, stored_model
from resilver.nets.unet import UNetConfig
from resilver.train.correlation import distance_apart, noise_correlations
from resilver.train.events import Events
from resilver.train.export import CardText, export
from resilver.train.face_losses import LossWeights
from resilver.train.feeding import collate
from resilver.train.learn_noise import (
    SMALLEST_SCAN,
    ScanRecipe,
    held_out_error_255,
    learn_noise,
)
from resilver.train.loop import FitConfig, fit, learning_rate_factor
from resilver.train.optimise import Optimiser
from resilver.train.photos import CropStream, Photos, find_shards, part_overlays
from resilver.train.recipe import Batch, Lineage, Sample
from resilver.train.recipes import RECIPES, recipe_named
from resilver.train.recipes.content import ContentRecipe
from resilver.train.recipes.denoise import DenoiseRecipe
from resilver.train.recipes.faces import FacesRecipe
from resilver.train.recipes.prior import PriorRecipe
from resilver.train.recipes.vivid import VividLosses, VividRecipe
from resilver.train.run import MAY_BE_TAUGHT, TAUGHT, TrainRequest, lineage_of, train
from resilver.train.scans import ScanPair, Scans, align, neighbours, pick, read_scans
from resilver.train.squeezenet import SqueezeNet, aligned_input
from resilver.train.state import load_state, read_state, save_state
from resilver.train.weights import load_onnx_weights

# torch's own notice about the exporter that is used on purpose (see train/export.py).
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TINY = UNetConfig(widths=(12, 16), blocks=(1,), middle_blocks=1)
TEXT = CardText("clean", "synthetic", "a test", {}, "tests", "tests")


def tiny() -> DenoiseRecipe:
    return DenoiseRecipe(net=TINY, crop_px=48)


class OneBatch(DenoiseRecipe):
    """The same sixteen samples again and again: whatever can learn at all learns these."""

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        first = list(itertools.islice(super().samples(sources, 0), self.info.batch))
        return itertools.cycle(first)


def test_the_loop_learns_logs_and_resumes(photos: Path, tmp_path: Path) -> None:
    recipe = OneBatch(net=TINY, crop_px=48)
    lines: list[str] = []
    config = FitConfig(0.12, tmp_path, workers=0, threads=1, log_every=5, warmup_steps=5)
    result = fit(recipe, [photos], config, log=lines.append)
    assert lines[0] in ("computing in bfloat16", "computing in float32")
    left = [float(line.split("left ")[1]) for line in lines[1:]]
    assert left[-1] < 0.75 * left[0]
    assert list((tmp_path / "events").iterdir())
    again = FitConfig(0.15, tmp_path, workers=0, threads=1, log_every=5)
    more: list[str] = []
    longer = fit(recipe, [photos], again, log=more.append)
    assert more[0].startswith(f"resumed at step {result.steps}")
    assert longer.steps > result.steps
    stored = recipe.network()
    stored.load_state_dict(read_state(tmp_path / "state.pt", recipe)["average"])
    for mine, theirs in zip(stored.parameters(), longer.network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


class Recorded(OneBatch):
    """Keeps the first weight as each step finds it, and the seeds that samples and losses have."""

    def __init__(self) -> None:
        super().__init__(net=TINY, crop_px=48)
        self.weights: list[torch.Tensor] = []
        self.seeds: list[tuple[int, int]] = []

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        self.seeds.append((seed, torch.initial_seed()))
        return super().samples(sources, seed)

    def loss(self, network: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        self.weights.append(next(network.parameters()).detach().clone())
        return super().loss(network, batch)


def test_what_is_handed_over_is_the_running_average(photos: Path, tmp_path: Path) -> None:
    recipe = Recorded()
    config = FitConfig(0.05, tmp_path, workers=0, threads=1, warmup_steps=1)
    result = fit(recipe, [photos], config)
    trained = recipe.network()
    trained.load_state_dict(read_state(tmp_path / "state.pt", recipe)["network"])
    last = next(trained.parameters()).detach()
    first, *seen = [*recipe.weights[: result.steps], last]
    assert len(seen) == result.steps > 3
    average = first
    for step, weight in enumerate(seen, start=1):  # it follows closely at first
        decay = min(0.999, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * weight
    given = next(result.network.parameters()).detach()
    torch.testing.assert_close(given, average)
    assert float((given - last).abs().max()) > 1e-5


def test_a_resumed_run_sees_and_draws_other_things_and_keeps_its_clock(
    photos: Path, tmp_path: Path
) -> None:
    recipe = Recorded()
    config = FitConfig(0.03, tmp_path, workers=0, threads=1, seed=5)
    first = fit(recipe, [photos], config)
    again = fit(recipe, [photos], config)  # its time was up before
    assert (again.steps, again.samples) == (first.steps, first.samples)
    assert again.seconds == pytest.approx(first.seconds, abs=1.0)
    ((crops, drawn), (other_crops, other_drawn)) = recipe.seeds
    assert drawn == 5
    assert crops != other_crops
    assert drawn != other_drawn
    fresh = fit(recipe, [photos], replace(config, resume=False))
    assert recipe.seeds[2] == recipe.seeds[0]
    assert fresh.seconds < 2.0 * 60 * config.minutes + 30


class Wild(OneBatch):
    """Of every `every` steps one has a gradient that is no number, though its loss is one."""

    every: int = 3
    seen: int = 0

    def loss(self, network: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        loss, figures = super().loss(network, batch)
        self.seen += 1
        if self.seen % self.every == 0:
            loss = loss + (0.0 * next(iter(network.parameters())).sum()).sqrt()
        return loss, figures


def test_a_step_whose_gradient_is_no_number_is_left_out(photos: Path, tmp_path: Path) -> None:
    recipe = Wild(net=TINY, crop_px=48)
    lines: list[str] = []
    config = FitConfig(0.05, tmp_path, workers=0, threads=1, warmup_steps=1, log_every=1)
    result = fit(recipe, [photos], config, log=lines.append)
    assert all(bool(torch.isfinite(weight).all()) for weight in result.network.parameters())
    left_out = sum("not finite is left out" in line for line in lines)
    assert left_out == recipe.seen // 3 > 0
    assert result.steps == recipe.seen - left_out


def test_a_run_without_any_gradient_ends_and_leaves_the_state_before(
    photos: Path, tmp_path: Path
) -> None:
    config = FitConfig(0.03, tmp_path, workers=0, threads=1)
    fit(OneBatch(net=TINY, crop_px=48), [photos], config)
    before = (tmp_path / "state.pt").read_bytes()
    wild = Wild(net=TINY, crop_px=48)
    wild.every = 1
    longer = replace(config, minutes=1.0, save_every_s=0.0)
    with pytest.raises(RecipeError, match="the gradient is not finite, 20 times in a row"):
        fit(wild, [photos], longer)
    assert (tmp_path / "state.pt").read_bytes() == before


@pytest.mark.parametrize("which", ["network", "average"])
def test_a_state_that_is_not_finite_is_not_saved(which: str, tmp_path: Path) -> None:
    recipe, path = tiny(), tmp_path / "state.pt"
    parts = {"network": recipe.network(), "average": recipe.network()}
    optimiser = Optimiser(parts["network"], 1e-3)
    path.write_bytes(b"of before")
    with torch.no_grad():
        next(parts[which].parameters()).view(-1)[0] = float("nan")
    with pytest.raises(RecipeError, match="weights are not finite after step 7"):
        save_state(path, recipe, parts["network"], parts["average"], optimiser, 7, 1.0, {}, None)
    assert path.read_bytes() == b"of before"


def test_a_run_at_a_lower_rate_keeps_closer_to_where_it_began(photos: Path, tmp_path: Path) -> None:
    start = tiny().network()
    moved: list[float] = []
    for rate in (1e-6, 1.0):
        config = FitConfig(0.02, tmp_path / str(rate), workers=0, threads=1, rate=rate)
        network = fit(tiny(), [photos], config, initial=deepcopy(start)).network
        pairs = zip(start.parameters(), network.parameters(), strict=True)
        moved.append(max(float((a - b).detach().abs().max()) for a, b in pairs))
    assert moved[0] < 1e-4
    assert moved[1] > 20.0 * moved[0]


@pytest.mark.parametrize("seed", [-1, 1 << 32, 10**20])
def test_a_seed_that_is_none_is_refused(seed: int, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a seed is 0 to 4294967295"):
        train(TrainRequest("denoise", (photos,), tmp_path, 1.0, seed=seed))


@pytest.mark.parametrize("rate", [0.0, -1.0, 1.5, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="the rate is more than 0 and at most 1"):
        train(TrainRequest("denoise", (photos,), tmp_path, 1.0, rate=rate))


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("inf"), float("nan")])
def test_a_time_that_is_none_is_refused(minutes: float, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="lasts more than 0 minutes, and ends: not"):
        train(TrainRequest("denoise", (photos,), tmp_path, minutes))
    with pytest.raises(OptionError, match="lasts more than 0 minutes, and ends: not"):
        learn_noise(photos, tmp_path / "mine.onnx", minutes)
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_another_recipe_is_refused(photos: Path, tmp_path: Path) -> None:
    fit(tiny(), [photos], FitConfig(0.02, tmp_path, workers=0, threads=1))
    with pytest.raises(RecipeError, match="is of the recipe 'denoise', not 'fill'"):
        fit(recipe_named("fill"), [photos], FitConfig(0.02, tmp_path, workers=0))


def test_a_state_that_is_damaged_or_of_another_shape_is_refused(
    photos: Path, tmp_path: Path
) -> None:
    recipe, config = tiny(), FitConfig(0.02, tmp_path, workers=0, threads=1)
    fit(recipe, [photos], config)
    other = DenoiseRecipe(net=UNetConfig(widths=(16, 16), blocks=(1,), middle_blocks=1), crop_px=48)
    with pytest.raises(RecipeError, match=r"of another shape .* --fresh starts over$") as raised:
        fit(other, [photos], config)
    assert "\n" not in str(raised.value)
    whole = (tmp_path / "state.pt").read_bytes()
    torch.save({"params": {}}, tmp_path / "other.pt")
    for content in (whole[: len(whole) // 2], b"", (tmp_path / "other.pt").read_bytes()):
        (tmp_path / "state.pt").write_bytes(content)
        with pytest.raises(RecipeError, match="--fresh starts over") as raised:
            fit(recipe, [photos], config)
        assert str(raised.value).startswith(str(tmp_path / "state.pt"))
        assert "\n" not in str(raised.value)
        with pytest.raises(RecipeError):
            read_state(tmp_path / "state.pt", recipe)


def test_a_resumed_lineage_keeps_the_data_and_the_teachers_of_before() -> None:
    before = Lineage("targets", "x.onnx", "clean", ("a", "b"), ("one",))
    now = Lineage("targets", "", "clean", ("b", "c"), ("two",))
    assert now.resumed(before) == Lineage(
        "targets", "x.onnx", "clean", ("a", "b", "c"), ("one", "two")
    )
    assert replace(now, licence="research").resumed(before).licence == "research"
    assert now.resumed(replace(before, licence="research")).licence == "research"


def test_a_state_of_unknown_lineage_is_gone_on_from_as_research(tmp_path: Path) -> None:
    recipe = tiny()
    network, average = recipe.network(), recipe.network()
    optimiser = Optimiser(network, 1e-3)
    path, now = tmp_path / "state.pt", Lineage("targets", "", "clean", ("mine",))
    for stored, expected in ((None, "research"), (now, "clean")):
        save_state(path, recipe, network, average, optimiser, 7, 1.0, {}, stored)
        *_, lineage = load_state(
            path, recipe, network, average, optimiser, torch.device("cpu"), now
        )
        assert lineage == replace(now, licence=expected)


def test_a_run_that_is_resumed_stays_what_it_was(photos: Path, tmp_path: Path) -> None:
    recipe = tiny()
    first = FitConfig(
        0.02, tmp_path, workers=0, threads=1, lineage=Lineage("targets", "x.onnx", "research")
    )
    fit(recipe, [photos], first)
    # What a gradient's length is held against goes on too.
    assert 0.0 < read_state(tmp_path / "state.pt", recipe)["usual_norm"] < np.inf
    later = replace(first, minutes=0.04, lineage=Lineage("targets", "", "clean"))
    assert fit(recipe, [photos], later).lineage == Lineage("targets", "x.onnx", "research")
    other = replace(later, lineage=Lineage("clean targets", "", "clean"))
    with pytest.raises(
        RecipeError, match="trained with targets, not with clean targets; --fresh starts over"
    ):
        fit(recipe, [photos], other)


def card_beside(path: Path, licence: Licence, data: str = "photos of others") -> None:
    card = replace(bundled_model("denoise").card, licence=licence, training_data=data)
    path.write_text(card.to_toml(), "utf-8")


STORED = {"how": "the recipe's own targets", "start": "", "data": ("scans",), "teachers": ()}


@pytest.mark.parametrize(
    ("file", "stored", "beside", "expected", "data"),
    [
        ("mine.onnx", None, {"mine": "clean", "other": "research"}, "clean", "photos of others"),
        ("mine.onnx", None, {"mine": "research"}, "research", "photos of others"),
        ("mine.onnx", None, {}, "research", "what mine.onnx learned from"),
        ("squeezenet1_0.safetensors", None, {"denoise": "clean"}, "research", None),
        ("prior_state.safetensors", None, {"prior": "clean"}, "clean", "photos of others"),
        ("state.pt", "research", {"denoise": "clean"}, "research", "scans"),
        ("state.pt", "clean", {"denoise": "research"}, "research", "scans"),
        ("state.pt", "clean", {"denoise": "clean"}, "clean", "scans"),
        ("state.pt", "clean", {}, "clean", "scans"),
        ("state.pt", None, {"denoise": "clean"}, "clean", "photos of others"),
        ("state.pt", None, {"other": "clean"}, "research", "what state.pt learned from"),
    ],
)
def test_the_strictest_licence_wins_and_what_was_learned_from_is_kept(
    tmp_path: Path,
    file: str,
    stored: Licence | None,
    beside: dict[str, Licence],
    expected: Licence,
    data: str | None,
) -> None:
    for name, licence in beside.items():
        card_beside(tmp_path / f"{name}.toml", licence)
    if file.endswith(".pt"):
        lineage = None if stored is None else {**STORED, "licence": stored}
        torch.save({"recipe": "denoise", "lineage": lineage}, tmp_path / file)
    request = TrainRequest(
        "denoise", (Path("packs/mine"),), tmp_path, 1.0, licence="clean", start_from=tmp_path / file
    )
    learned = (data or f"what {file} learned from", "mine")
    own = "the recipe's own targets"
    assert lineage_of(tiny(), request) == Lineage(own, file, expected, learned)
    assert lineage_of(tiny(), replace(request, licence="research")).licence == "research"


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("content", []),
        ("detect", ["yunet-n.onnx", "retinaface-slim.onnx"]),
        ("identity", ["mobilefacenet-insightface.onnx"]),
        ("faces", ["squeezenet1_0.safetensors", "mobilefacenet-insightface.safetensors"]),
        ("vivid", ["squeezenet1_0.safetensors", "realesr-general-x4v3.onnx"]),
        ("upscale", []),
        ("prior", []),
    ],
)
def test_a_network_is_of_no_freer_class_than_its_teachers(
    name: str, names: list[str], tmp_path: Path
) -> None:
    teacher = tmp_path if names else tmp_path / "squeezenet1_0.safetensors"
    names = names or [teacher.name]
    request = TrainRequest(name, (tmp_path,), tmp_path, 1.0, licence="clean", teacher=teacher)
    recipe = (
        PriorRecipe(teacher=teacher)
        if name == "prior"
        else {**TAUGHT, **MAY_BE_TAUGHT}[name](teacher)
    )
    taught = lineage_of(recipe, request)
    assert (taught.licence, taught.teachers) == ("research", tuple(names))
    for one in names:
        card_beside((tmp_path / one).with_suffix(".toml"), "clean")
    assert lineage_of(recipe, request).licence == "clean"
    card_beside((tmp_path / names[-1]).with_suffix(".toml"), "research")
    assert lineage_of(recipe, request).licence == "research"


def test_what_is_switched_off_teaches_nothing(tmp_path: Path) -> None:
    weights = LossWeights().without(("perceptual",))
    assert [p.name for p in FacesRecipe(tmp_path, weights=weights).teachers] == [
        "mobilefacenet-insightface.safetensors"
    ]
    losses = replace(VividLosses(), pixels=0.0)
    assert [p.name for p in VividRecipe(tmp_path, losses=losses).teachers] == [
        "squeezenet1_0.safetensors"
    ]


@pytest.mark.parametrize("name", ["tone", "upscale", "colourise"])
def test_overlays_are_no_photos(name: str, photos: Path, tmp_path: Path) -> None:
    """White boards beside the photos: no sample is one of them."""
    overlays = tmp_path / "overlays"
    overlays.mkdir()
    for number in range(30):
        cv2.imwrite(str(overlays / f"{number}.png"), np.full((400, 400), 255, np.uint8))
    recipe = recipe_named(name)
    samples = itertools.islice(recipe.samples([photos, overlays], 0), 20)
    for sample in samples:
        assert any(part.ndim == 3 and part.std() > 0.01 for part in sample.values())
    with pytest.raises(RecipeError, match="no photos"):
        train(TrainRequest(name, (overlays,), tmp_path / "out", 1.0))


@pytest.mark.parametrize(
    ("name", "needed"), [("faces", "perceptual,identity"), ("vivid", "perceptual")]
)
def test_a_teacher_is_needed_only_by_the_losses_that_look_with_it(
    name: str, needed: str, tmp_path: Path
) -> None:
    request = TrainRequest(name, (tmp_path / "nowhere",), tmp_path, 1.0)
    with pytest.raises(OptionError, match=f"{name} needs a teacher, or --without {needed}$"):
        train(request)
    with pytest.raises(RecipeError, match="neither a folder"):  # the next thing that is looked at
        train(replace(request, without=tuple(needed.split(","))))


def test_the_schedule_warms_up_and_ends_at_zero() -> None:
    assert learning_rate_factor(0.0, 0, 100) == pytest.approx(0.01)
    assert learning_rate_factor(0.0, 200, 100) == 1.0
    assert learning_rate_factor(0.5, 200, 100) == pytest.approx(0.5)
    assert learning_rate_factor(1.0, 200, 100) == pytest.approx(0.0)


def test_two_processes_train_one_network(photos: Path, tmp_path: Path) -> None:
    """torchrun: gradients are averaged, one process writes, both stop together."""
    script = tmp_path / "train_two.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from resilver.nets.unet import UNetConfig\n"
        "from resilver.train.loop import FitConfig, fit\n"
        "from resilver.train.recipes.denoise import DenoiseRecipe\n"
        "net = UNetConfig(widths=(12, 16), blocks=(1,), middle_blocks=1)\n"
        "config = FitConfig(0.05, Path(sys.argv[2]), workers=0, threads=1)\n"
        "result = fit(DenoiseRecipe(net=net, crop_px=48), [Path(sys.argv[1])], config)\n"
        "print('samples per step', result.samples // result.steps)\n",
        "utf-8",
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", str(script), str(photos), str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("samples per step 48") == 2
    assert (tmp_path / "out" / "state.pt").is_file()


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """Weights in the layout of SqueezeNet v1.0, drawn at random."""
    torch.manual_seed(0)
    path = tmp_path / "squeezenet.safetensors"
    save_file({**SqueezeNet().state_dict(), "conv10.bias": torch.zeros(1000)}, path)
    return path


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_gives_samples_that_its_loss_takes(
    name: str, photos: Path, teacher: Path, request: pytest.FixtureRequest
) -> None:
    if name in ("detect", "identity", "faces"):
        teacher = request.getfixturevalue("shared") / "weights"
    if name == "identity":
        photos = request.getfixturevalue("portraits")
    recipe = TAUGHT[name](teacher) if name in TAUGHT else recipe_named(name)
    samples = list(itertools.islice(recipe.samples([photos], 0), 2))
    again = list(itertools.islice(recipe.samples([photos], 0), 2))
    for first, second in zip(samples, again, strict=True):
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])
    batch = {
        key: torch.from_numpy(np.stack([sample[key] for sample in samples])) for key in samples[0]
    }
    network = recipe.network()
    loss, figures = recipe.loss(network, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(np.isfinite(value) for value in figures.values())
    assert all(w.grad is not None for w in network.parameters() if w.requires_grad)


def test_the_teacher_is_the_published_network(shared: Path) -> None:
    """Its features are those of the ONNX file, and lie cell on cell once the input is padded."""
    import onnxruntime

    weights = shared / "weights" / "squeezenet1_0"
    network = SqueezeNet.read(weights.with_suffix(".safetensors"))
    image = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(str(weights.with_suffix(".onnx")))
    given = 255 * image.flip(1) - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    (fire9,) = session.run(["fire9"], {"image": given.numpy()})
    ours = network(image)[2].numpy()
    assert np.abs(ours - np.asarray(fire9)).max() < 1e-3 * float(np.max(fire9))
    sizes = [tuple(x.shape[-2:]) for x in network(aligned_input(image))]
    assert sizes == [(24, 32), (12, 16), (6, 8)]


def test_an_encoder_that_knows_content_is_a_start_for_the_recogniser(
    photos: Path, tmp_path: Path, teacher: Path
) -> None:
    with pytest.raises(OptionError, match="need a teacher"):
        train(TrainRequest("content", (photos,), tmp_path, 1.0))
    with pytest.raises(OptionError, match="upscale may have one, no others"):
        train(TrainRequest("damage", (photos,), tmp_path, 1.0, teacher=teacher))
    with pytest.raises(RecipeError, match="not the weights of SqueezeNet"):
        SqueezeNet.read(photos / "0.png")
    request = TrainRequest("content", (photos,), tmp_path, 0.1, workers=0, teacher=teacher)
    lines: list[str] = []
    card = train(request, lines.append)
    assert card is not None
    assert card.licence == "research"
    assert ", taught by squeezenet.safetensors: " in card.training
    start = load_onnx_weights(recipe_named("damage").network(), tmp_path / "content.onnx")
    fresh = ContentRecipe(teacher).network()
    learned = dict(start.named_parameters())
    assert learned["unet.encode.1.0.first.weight"].shape == (96, 96, 3, 3)
    assert set(learned) == {name for name, _ in fresh.named_parameters() if "match" not in name}


def test_noise2noise_never_sees_the_clean_photo(photos: Path) -> None:
    noisy = list(itertools.islice(tiny().samples([photos], 0), 12))
    clean = list(itertools.islice(DenoiseRecipe(True, 48, TINY).samples([photos], 0), 12))
    rough = [s["target"] for s in noisy if s["sigma"][0] > 0.05]
    smooth = [s["target"] for s in clean if s["sigma"][0] > 0.05]
    assert np.mean([np.diff(t).std() for t in rough]) > 2 * np.mean(
        [np.diff(t).std() for t in smooth]
    )


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_exports_equal_on_odd_sizes(name: str, tmp_path: Path) -> None:
    recipe = recipe_named(name)
    torch.manual_seed(0)
    network = recipe.network()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.03)
    card = export(recipe, network, tmp_path / f"{name}.onnx", TEXT)
    model = stored_model(tmp_path / f"{name}.onnx")
    model.verify()
    assert model.card == card
    assert (tmp_path / f"{name}.onnx").stat().st_size < 2.2 * card.parameters + 200_000
    inputs = [value.numpy() for value in recipe.example(77, 131, 5)]
    outputs = OrtNetwork(model.path, 1).run(*inputs)
    sizes = {"detect": (12, 20), "identity": (1, 128), "tone": (17, 17), "colourise": (20, 36)}
    if recipe.info.scale > 1:
        sizes[name] = (recipe.info.scale * 77, recipe.info.scale * 131)
    if name in ("prior", "faces"):
        sizes[name] = (recipe.size_px, recipe.size_px)
    assert outputs[0].shape[-2:] == sizes.get(name, (77, 131))


def test_an_export_that_differs_is_refused(tmp_path: Path) -> None:
    recipe = tiny()
    with pytest.raises(RecipeError, match="differ by"):
        export(recipe, recipe.network(), tmp_path / "x.onnx", TEXT, tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


class Unbounded(torch.nn.Module):
    """Answers with infinity or NaN, though all of its weights are small."""

    def __init__(self, network: torch.nn.Module, last: float) -> None:
        super().__init__()
        self.network, self.last = network, last

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.network(*inputs).abs().add(1.0).mul(1e38).mul(self.last)


@pytest.mark.parametrize("last", [1e38, 0.0])
def test_what_answers_with_no_numbers_is_not_exported(tmp_path: Path, last: float) -> None:
    recipe = tiny()
    network = Unbounded(Unbounded(recipe.network(), 1e38), last)
    with pytest.raises(RecipeError, match="differ by nan"):
        export(recipe, network, tmp_path / "x.onnx", TEXT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(float("nan"), "not finite"), (float("inf"), "not finite"), (7e4, "too large for half")],
)
def test_weights_that_are_no_numbers_are_not_exported(
    tmp_path: Path, wrong: float, said: str
) -> None:
    recipe = tiny()
    network = recipe.network()
    with torch.no_grad():
        next(weight for weight in network.parameters() if weight.ndim > 1).view(-1)[0] = wrong
    with pytest.raises(RecipeError, match=said):
        export(recipe, network, tmp_path / "x.onnx", TEXT)
    assert list(tmp_path.iterdir()) == []


def test_an_export_leaves_the_networks_beside_it_alone(tmp_path: Path) -> None:
    beside = tmp_path / "x.partial.onnx"
    beside.write_bytes(b"the network x.partial")
    export(tiny(), tiny().network(), tmp_path / "x.onnx", TEXT)
    assert beside.read_bytes() == b"the network x.partial"


def test_weights_come_back_from_an_export(tmp_path: Path) -> None:
    recipe = tiny()
    network = recipe.network()
    export(recipe, network, tmp_path / "x.onnx", TEXT)
    back = load_onnx_weights(tiny().network(), tmp_path / "x.onnx")
    image = torch.rand(1, 3, 40, 40)
    torch.testing.assert_close(back(image), network(image), atol=1e-5, rtol=0)
    with pytest.raises(RecipeError, match="has no weight"):
        load_onnx_weights(recipe_named("denoise").network(), tmp_path / "x.onnx")


def test_a_start_that_is_no_network_is_one_sentence(photos: Path, tmp_path: Path) -> None:
    request = TrainRequest("denoise", (photos,), tmp_path, 1.0)
    for start, said in (
        (tmp_path / "nowhere.onnx", "nowhere.onnx: cannot be read"),
        (next(photos.iterdir()), "not an exported network"),
    ):
        with pytest.raises(RecipeError, match=said):
            train(replace(request, start_from=start))


@pytest.mark.parametrize("workers", [0, 1])
def test_photos_of_which_none_can_be_decoded_end_a_run_in_one_sentence(
    workers: int, tmp_path: Path
) -> None:
    for name in ("bad.jpg", "worse.jpg"):
        (tmp_path / name).write_bytes(b"no photo")
    config = FitConfig(0.1, tmp_path / "run", workers=workers, threads=1)
    with pytest.raises(
        RecipeError,
        match=r"^none of the photos can be used: \S+: \w+\.jpg is not an image that can be d\w+$",
    ):
        fit(tiny(), [tmp_path], config)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_photo_that_cannot_be_decoded_is_left_out_with_one_line(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    good: Path = request.getfixturevalue("portraits" if name == "identity" else "photos")
    folder = tmp_path / "photos"
    shutil.copytree(good, folder)
    (folder / "bad.jpg").write_bytes(b"no photo")
    recipe = recipe_named(name)
    if name in ("detect", "identity"):
        recipe = TAUGHT[name](request.getfixturevalue("shared") / "weights")
    samples = itertools.islice(recipe.samples([folder], 0), 12)
    assert sum(1 for _ in samples) == 12
    assert [line.split(": ")[-1] for line in caplog.messages] == [
        "bad.jpg is not an image that can be decoded"
    ]


def test_a_photo_that_is_left_out_is_not_looked_at_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), np.full((4, 6, 3), 255, np.uint8))
    (tmp_path / "bad.png").write_bytes(b"no photo")
    photos = Photos(find_shards([tmp_path]))
    assert photos.read(0) is None
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes())
    assert photos.read(0) is None
    read = photos.read(1)
    assert read is not None
    assert read.shape == (4, 6, 3)
    (tmp_path / "good.png").unlink()
    with pytest.raises(RecipeError, match=r"^none of the photos .*good\.png: cannot be read"):
        photos.read(1)


def test_what_begins_with_a_research_network_is_one(photos: Path, tmp_path: Path) -> None:
    request = TrainRequest("upscale", (photos,), tmp_path / "a", 0.03, workers=0)
    first = train(request)
    start = tmp_path / "a" / "upscale.onnx"
    later = replace(request, out=tmp_path / "b", licence="clean", data_note="mine", rate=0.1)
    second = train(replace(later, start_from=start))
    assert first is not None
    assert second is not None
    assert (first.licence, second.licence) == ("research", "research")
    assert second.training_data == f"{photos.name}; mine"
    assert ", from upscale.onnx: " in second.training


def test_what_is_no_photo_is_left_out_and_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "._a.jpg").write_bytes(b"of macOS")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    assert [shard.name for shard in find_shards([tmp_path])] == ["a.jpg"]
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "a.jpg", "a.jpg")
    broken = tmp_path / "broken.tar"
    broken.write_bytes(b"no tar at all")
    for path in (packed, broken):
        with pytest.raises(RecipeError, match=f"{path.name}: not a tar file without compression"):
            find_shards([path])


@pytest.mark.parametrize("shape", [(3, 6000, 3), (6000, 3, 3), (2, 2, 3), (300, 200, 3)])
def test_of_what_is_too_thin_only_a_part_is_enlarged(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    photo = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    cv2.imwrite(str(tmp_path / "strip.png"), photo)
    crops = CropStream(find_shards([tmp_path]), 64, 0, largest_scale=2.0)
    assert [crop.shape for crop in itertools.islice(crops, 20)] == [(64, 64, 3)] * 20
    sides = np.array([crops._resized(photo).shape[:2] for _ in range(20)])
    assert sides.min() >= 64
    assert sides.max() <= 8 * 64 + 8
    starts = {crops._resized(photo)[:9, :9].tobytes() for _ in range(20)}
    assert len(starts) > 1 or max(shape) < 3 * 64  # not the same part every time


def test_a_photo_that_cannot_be_decoded_or_read_is_named(tmp_path: Path) -> None:
    huge = struct.pack(">II5B", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + huge
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(huge)) + chunk
    (tmp_path / "huge.png").write_bytes(content + struct.pack(">I", zlib.crc32(chunk)))
    (shard,) = find_shards([tmp_path])
    with pytest.raises(RecipeError, match=r"huge\.png is not an image that can be decoded"):
        shard.read()
    (tmp_path / "huge.png").unlink()
    with pytest.raises(RecipeError, match=r"huge\.png: cannot be read \("):
        shard.read()


def test_overlays_that_are_no_images_are_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "overlays" / "dirt").mkdir(parents=True)
    (tmp_path / "overlays" / "dirt" / "a.png").write_bytes(b"no image")
    with pytest.raises(RecipeError, match="none of the overlays is an image"):
        next(recipe_named("damage").samples([photos, tmp_path / "overlays"], 0))


def test_the_bundled_denoiser_can_be_trained_further() -> None:
    load_onnx_weights(recipe_named("denoise").network(), bundled_model("denoise").path)


def test_train_refuses_what_cannot_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown recipe 'polish'"):
        train(TrainRequest("polish", (photos,), tmp_path, 1.0))
    with pytest.raises(OptionError, match="clean targets"):
        train(TrainRequest("fill", (photos,), tmp_path, 1.0, clean_targets=True))
    with pytest.raises(RecipeError, match="neither a folder"):
        train(TrainRequest("denoise", (tmp_path / "nowhere",), tmp_path, 1.0))
    with pytest.raises(OptionError, match="minutes"):
        train(TrainRequest("denoise", (photos,), tmp_path, 0.0))


def test_neighbours_come_from_the_same_cell_and_are_never_the_same_pixel() -> None:
    rng = np.random.default_rng(0)
    image = np.arange(8 * 12 * 3, dtype=np.float32).reshape(8, 12, 3)
    first, second, choice = neighbours(image, rng)
    assert first.shape == second.shape == (4, 6, 3)
    assert (choice[0] != choice[1]).all()
    # The four pixels of a cell differ by at most one row and one column.
    assert (np.abs(first - second) <= 12 * 3 + 3).all()
    np.testing.assert_array_equal(pick(image, choice[0]), first)


@pytest.mark.parametrize(("apart_px", "side"), [(1, 2), (2, 4), (3, 4)])
def test_neighbours_lie_as_far_apart_as_is_said(apart_px: int, side: int) -> None:
    rows, columns = np.mgrid[0:24, 0:32].astype(np.float32)
    image = np.stack((rows, columns, rows // side), axis=2)
    first, second, choice = neighbours(image, np.random.default_rng(0), apart_px)
    assert first.shape == second.shape == (24 // side, 32 // side, 3)
    off = np.sort(np.abs(first - second)[..., :2], axis=-1)
    assert (off == (0, apart_px)).all()  # in a row or in a column ...
    np.testing.assert_array_equal(first[..., 2], second[..., 2])  # ... of one cell
    np.testing.assert_array_equal(pick(image, choice[1], side), second)


def grainy(sigma_px: float, seed: int = 0, size: tuple[int, int] = (320, 320)) -> Pixels:
    """A smooth picture, (H, W, 3) uint8, with grain of 12 grey levels, `sigma_px` wide."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*size, 3)).astype(np.float32)
    if sigma_px:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma_px))
    smooth = np.linspace(90.0, 160.0, size[1])[None, :, None]
    return np.clip(np.rint(smooth + 12.0 * noise / noise.std()), 0, 255).astype(np.uint8)


class Smooth(torch.nn.Module):
    """What is really there: columns are of one tone."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=2, keepdim=True).expand_as(image)


class KeepsHalf(Smooth):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 0.5 * (image + super().forward(image))


@pytest.mark.parametrize(("sigma_px", "apart_px"), [(0.0, 1), (0.7, 2), (1.1, 3)])
def test_pixels_are_taken_from_where_their_noise_is_their_own(
    sigma_px: float, apart_px: int
) -> None:
    photos = [grainy(sigma_px, seed) for seed in range(2)]
    # Of noise blurred by s, pixels d apart have exp(-d^2 / 4 s^2) in common.
    expected = [np.exp(-(d**2) / (4 * sigma_px**2)) if sigma_px else 0.0 for d in (1, 2, 3)]
    measured = noise_correlations(photos, Smooth(), 0)
    np.testing.assert_allclose(measured, expected, atol=0.12)
    assert distance_apart(photos, Smooth(), 0) == apart_px


def test_the_bundled_denoiser_tells_how_wide_grain_is() -> None:
    network = load_onnx_weights(DenoiseRecipe().network(), bundled_model("denoise").path)
    assert distance_apart([grainy(0.0)], network, 0) == 1
    assert distance_apart([grainy(0.7)], network, 0) == 2
    blank = np.full((160, 160, 3), 255, np.uint8)
    assert noise_correlations([blank], network, 0) == (0.0, 0.0, 0.0)


def test_held_out_the_better_network_has_the_smaller_error() -> None:
    """One that keeps half of the grain has it beside neighbours that share their grain."""
    photos = tuple(grainy(0.7, seed) for seed in range(2))
    scans = Scans((), photos, ())
    beside = ScanRecipe(scans)
    assert held_out_error_255(beside, KeepsHalf(), 0) < held_out_error_255(beside, Smooth(), 0)
    apart = ScanRecipe(scans, distance_apart(photos, Smooth(), 0))
    assert held_out_error_255(apart, Smooth(), 0) < held_out_error_255(apart, KeepsHalf(), 0)


def test_a_network_learns_from_pixels_that_lie_apart() -> None:
    recipe = ScanRecipe(Scans((), (grainy(0.7),), ()), apart_px=2)
    batch = collate(list(itertools.islice(recipe.samples([], 0), 2)))
    side = recipe.crop_px
    assert batch["whole"].shape[-2:] == (4 * side, 4 * side)
    # With a network that changes nothing, what neighbours differ in is content: nothing is left.
    _loss, figures = recipe.loss(torch.nn.Identity(), batch)
    split = (batch["seen"] - batch["target"]).square().mean()
    assert figures["rms_255"] == pytest.approx(255 * float(split) ** 0.5, rel=1e-4)
    assert float(_loss) == pytest.approx(100 * float(split), rel=1e-4)


def test_grain_too_coarse_for_single_scans_is_refused(tmp_path: Path) -> None:
    from resilver.photo import Photo

    Photo.from_array(grainy(2.0)).save(tmp_path / "coarse.png")
    with pytest.raises(
        RecipeError, match=r"^the grain is too coarse .* 3 px apart still have"
    ) as e:
        learn_noise(tmp_path, tmp_path / "mine.onnx", 1.0)
    assert "\n" not in str(e.value)
    assert not (tmp_path / "mine.onnx").exists()


@pytest.mark.parametrize(
    ("moved", "turned_deg", "paired"),
    [
        ((0.0, 0.0), 0.0, True),
        ((3.0, -2.0), 0.0, True),
        ((0.3, 0.0), 0.0, False),
        ((4.0, 2.4), 0.0, False),
        ((0.0, 0.0), 0.1, False),
    ],
)
@pytest.mark.parametrize("noise_255", [2.0, 12.0])
def test_scans_that_lie_between_pixels_are_no_pair(
    moved: tuple[float, float],
    turned_deg: float,
    paired: bool,
    noise_255: float,
    photos: Path,
    tmp_path: Path,
) -> None:
    """A pair of them would be targets that are displaced, and teach blur."""
    from resilver.photo import Photo

    rng = np.random.default_rng(1)
    clean = np.array(Photo.open(photos / "0.png").pixels, np.float32)
    matrix = cv2.getRotationMatrix2D((300.0, 240.0), turned_deg, 1.0)
    matrix[:, 2] += moved
    how, border = cv2.INTER_CUBIC, cv2.BORDER_REFLECT
    other = cv2.warpAffine(clean, matrix, (600, 480), flags=how, borderMode=border)
    for name, scan in (("print_a", clean), ("print_b", np.asarray(other))):
        noisy = np.clip(scan + rng.normal(0, noise_255, scan.shape), 0, 255).astype(np.uint8)
        Photo.from_array(noisy).save(tmp_path / f"{name}.png")
    scans = read_scans(tmp_path)
    assert (len(scans.pairs), len(scans.singles)) == ((1, 0) if paired else (0, 2))
    said = [line.split(" are ")[0] for line in scans.unpaired]
    assert said == ([] if paired else ["print_a.png and print_b.png"])


@pytest.mark.parametrize(("gain", "offset"), [(1.04, 3.0), (0.9, -6.0), (1.0, 0.0)])
def test_scans_that_were_exposed_otherwise_teach_no_exposure(
    gain: float, offset: float, photos: Path
) -> None:
    from resilver.photo import Photo

    rng = np.random.default_rng(2)
    clean = 20.0 + 0.8 * np.array(Photo.open(photos / "0.png").pixels, np.float64)
    first, second = (
        np.clip(np.rint(scan + rng.normal(0.0, 6.0, clean.shape)), 0, 255).astype(np.uint8)
        for scan in (clean, gain * clean + offset)
    )
    pair = align(first, second)
    assert pair is not None
    dark = clean < np.median(clean)
    for where in (dark, ~dark):
        apart = pair.second[where].astype(np.float64) - pair.first[where]
        assert abs(float(apart.mean())) < 0.3
    assert align(first, (second // 2).astype(np.uint8)) is None  # too much for one of exposure


def test_either_scan_of_a_pair_is_the_target(photos: Path) -> None:
    from resilver.photo import Photo

    dark = np.array(Photo.open(photos / "0.png").pixels) // 2
    scans = Scans((ScanPair(dark, dark + np.uint8(9)),), (), ())
    samples = itertools.islice(ScanRecipe(scans).samples([], 0), 20)
    signs = {float(np.sign(one["target"].mean() - one["seen"].mean())) for one in samples}
    assert signs == {-1.0, 1.0}


def test_a_folder_is_called_by_its_name_from_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "overlays" / "deep"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside.parent)
    assert part_overlays([Path()]) == ([], [Path()])
    monkeypatch.chdir(inside)
    assert part_overlays([Path("..")]) == ([], [Path("..")])
    assert part_overlays([Path()]) == ([Path()], [])


def test_a_state_that_cannot_be_written_leaves_nothing_and_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_state: object, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos")

    monkeypatch.setattr(torch, "save", full)
    network = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(OSError, match=r"state\.pt cannot be written"):
        save_state(
            tmp_path / "state.pt", DenoiseRecipe(), network, network, Optimiser(network, 0.1),
            1, 1.0, {}, None,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails", ["__init__", "add_scalar", "add_image", "close"])
def test_events_that_cannot_be_written_end_no_run(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SummaryWriter, fails, full)
    said: list[str] = []
    events = Events(tmp_path / "events", said.append)
    for step in (1, 2):
        events.figures({"loss": 1.0}, step)
        events.sheet(np.zeros((4, 4, 3), np.uint8), step)
    events.close()
    assert said == [f"{tmp_path / 'events'}: no more events are written (No space left on device)"]


def test_scans_are_paired_by_name_and_aligned(tmp_path: Path, photos: Path) -> None:
    from resilver.photo import Photo

    pixels = Photo.open(photos / "0.png").pixels
    Photo.from_array(np.array(pixels[10:400, 20:500])).save(tmp_path / "print_a.png")
    Photo.from_array(np.array(pixels[13:403, 15:495])).save(tmp_path / "print_b.png")
    shutil.copy(photos / "1.png", tmp_path / "alone.png")
    (tmp_path / "notes.txt").write_text("not a photo", "utf-8")
    scans = read_scans(tmp_path)
    assert len(scans.pairs) == len(scans.singles) == len(scans.left_out) == 1
    pair = scans.pairs[0]
    np.testing.assert_array_equal(pair.first, pair.second)
    assert align(pixels[:100, :100], pixels[:90, :100]) is None
    with pytest.raises(RecipeError, match="not a folder"):
        read_scans(tmp_path / "nowhere")


def test_copies_of_a_scan_are_no_second_scan(tmp_path: Path, photos: Path) -> None:
    """They have its noise: a denoiser that learned from them would learn to keep it."""
    from resilver.photo import Photo

    photo = Photo.open(photos / "0.png")
    for name in ("copied_a.png", "copied_b.png", "formats_1.png", "formats_1.tif", "other_a.png"):
        photo.save(tmp_path / name)
    Photo.open(photos / "1.png").save(tmp_path / "other_2.png")
    scans = read_scans(tmp_path)
    assert (len(scans.pairs), len(scans.singles)) == (0, 6)


def test_a_scan_that_is_too_small_is_left_out_by_name(tmp_path: Path, photos: Path) -> None:
    from resilver.photo import Photo

    pixels = np.array(Photo.open(photos / "0.png").pixels)
    for name, height, width in (("low", 159, 300), ("thin", 300, 31), ("just", 160, 32)):
        Photo.from_array(pixels[:height, :width]).save(tmp_path / f"{name}.png")
    # Each of these is high enough, and what they have in common is not.
    Photo.from_array(pixels[0:165, :300]).save(tmp_path / "print_a.png")
    Photo.from_array(pixels[10:175, :300]).save(tmp_path / "print_b.png")
    scans = read_scans(tmp_path, SMALLEST_SCAN)
    assert [line.split(": ")[0] for line in scans.left_out] == [
        str(tmp_path / "low.png"), str(tmp_path / "thin.png")
    ]  # fmt: skip
    assert "too small to learn from: at least 32 pixels wide and 160 high" in scans.left_out[0]
    assert (len(scans.pairs), len(scans.singles)) == (0, 3)
    sample = next(ScanRecipe(scans).samples([], 0))
    assert sample["seen"].shape == (3, 16, 16)
    for name in ("just", "print_a", "print_b"):
        (tmp_path / f"{name}.png").unlink()
    with pytest.raises(RecipeError, match=r"no photo in it can be learned from \(.*low\.png: too"):
        learn_noise(tmp_path, tmp_path / "mine.onnx", 0.1)


@pytest.mark.parametrize("there", ["mine.onnx", "mine.toml"])
def test_learned_weights_replace_none_unasked(there: str, tmp_path: Path, photos: Path) -> None:
    (tmp_path / there).write_bytes(b"precious")
    with pytest.raises(PhotoNotWritten, match=f"{there}: the file exists"):
        learn_noise(photos, tmp_path / "mine.onnx", 0.1)
    assert (tmp_path / there).read_bytes() == b"precious"


@pytest.mark.parametrize("twice", [True, False])
def test_learning_the_noise_of_own_scans(twice: bool, tmp_path: Path, photos: Path) -> None:
    """From pairs, and from single scans: the weight file is written, verifies, and is no worse."""
    from resilver.photo import Photo
    from resilver.pipeline import Options, restore

    rng = np.random.default_rng(0)
    scans = tmp_path / "scans"
    scans.mkdir()
    clean = np.asarray(Photo.open(photos / "0.png").pixels, np.float32)
    for name in ("print_a", "print_b") if twice else ("first", "second"):
        noisy = clean + rng.normal(0, 12, clean.shape)
        levels = np.clip(noisy, 0, 255).astype(np.uint8)
        Photo.from_array(levels).save(scans / f"{name}.png")
    out = tmp_path / "mine.onnx"
    out.with_suffix(".toml").write_text("of an earlier tuning", "utf-8")
    learned = learn_noise(scans, out, 0.1, overwrite=True)
    assert (learned.pairs, learned.singles) == ((1, 0) if twice else (0, 2))
    assert learned.error_after_255 < 1.05 * learned.error_before_255
    options = Options(only=("denoise",), denoise_model=out)
    photo, report = restore(next(scans.iterdir()), options)
    assert report.stages[0].models[0][0] == "mine"
    error = np.square(photo.pixels.astype(np.float64) / 257 - clean).mean() ** 0.5
    assert error < 10.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.onnx", "mine.toml", "scans"]
