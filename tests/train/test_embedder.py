"""The embedder and its recipe: what the student sees, what it is told, that it learns."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from resilver.errors import OptionError, RecipeError
from resilver.evaluate.identity import Embedder
from resilver.models.published_detectors import SLIM, YUNET
from resilver.models.session import OrtNetwork
from resilver.models.store import bundled_model
from resilver.nets.embedder import EmbedderConfig, FaceEmbedder
from resilver.train.export import CardText, export
from resilver.train.face_labels import FaceLabeller
from resilver.train.feeding import collate
from resilver.train.optimise import Optimiser
from resilver.train.photos import find_shards
from resilver.train.recipe import Sample
from resilver.train.recipes.identity import (
    AGEINGS,
    TEACHER,
    Faces,
    IdentityRecipe,
    Teacher,
    moved,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SMALL = EmbedderConfig(stem=8, widths=(8, 16, 128), blocks=(0, 1, 0), head=64)


@pytest.fixture(scope="module")
def weights(shared: Path) -> Path:
    return shared / "weights"


@pytest.fixture(scope="module")
def samples(weights: Path, portraits: Path) -> list[Sample]:
    stream: Iterator[Sample] = IdentityRecipe(weights).samples([portraits], 3)
    return list(itertools.islice(stream, 48))


def test_any_number_of_faces_gives_embeddings_of_length_1() -> None:
    network = FaceEmbedder().eval()
    faces = torch.rand(5, 3, 112, 112)
    with torch.no_grad():
        together = network(faces)
        alone = network(faces[3:4])
    assert together.shape == (5, 128)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(together[3:4], alone, atol=1e-5, rtol=0)


def test_every_place_of_the_face_counts() -> None:
    torch.manual_seed(0)
    network = FaceEmbedder().eval()
    face = torch.full((1, 3, 112, 112), 0.5)
    with torch.no_grad():
        plain = network(face)
        for top, left in itertools.product((0, 48, 96), repeat=2):
            marked = face.clone()
            marked[..., top : top + 16, left : left + 16] = 1.0
            assert (network(marked) - plain).abs().max() > 1e-5


def test_the_teacher_answers_as_published(weights: Path) -> None:
    face = np.random.default_rng(0).random((112, 112, 3), np.float32)
    embedding, hint = Teacher(weights).look(face)
    published = Embedder(OrtNetwork(weights / TEACHER, 1), 255.0).embeddings(face[None])[0]
    np.testing.assert_allclose(embedding, published, atol=1e-5)
    assert hint.shape == (SMALL.widths[-1], 7, 7)


def test_the_student_is_told_the_same_of_every_state_of_a_face(samples: list[Sample]) -> None:
    groups: dict[bytes, list[Sample]] = {}
    for sample in samples:
        assert sample["face"].shape == (3, 112, 112)
        assert sample["face"].min() >= 0.0
        assert sample["face"].max() <= 1.0
        groups.setdefault(sample["embedding"].tobytes(), []).append(sample)
    assert len(groups) > 48 // AGEINGS  # the held-back samples mix views
    several = [group for group in groups.values() if len(group) > 1]
    assert several
    for group in several:
        assert np.linalg.norm(group[0]["embedding"]) == pytest.approx(1.0, abs=1e-5)
        faces = np.stack([sample["face"] for sample in group])
        assert faces.std(axis=0).mean() > 0.01


def test_faces_are_aligned(weights: Path, portraits: Path) -> None:
    """On average over many views the eyes lie where the frame has them: darker than the cheeks."""
    faces = Faces(find_shards([portraits]), FaceLabeller(weights), 0)
    rng = np.random.default_rng(0)
    mean = np.mean([moved(faces.view(rng), rng) for _ in range(60)], axis=(0, 3))
    for x in (38, 74):
        assert mean[50:54, x - 2 : x + 3].mean() < mean[66:74, x - 2 : x + 3].mean() - 0.05


def test_the_loss_falls(samples: list[Sample], weights: Path) -> None:
    recipe = IdentityRecipe(weights, net=SMALL)
    torch.manual_seed(0)
    network = recipe.network().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimiser = Optimiser(network, 3e-3)
    batch = collate(samples[:12])
    losses: list[float] = []
    for _ in range(15):
        loss, _figures = recipe.loss(network, batch)
        network.zero_grad()
        loss.backward()
        optimiser.step(1.0)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_what_is_trained_is_what_is_exported(tmp_path: Path) -> None:
    """ONNX Runtime on several faces gives what torch does, and the imitated features stay out."""
    recipe = IdentityRecipe(net=SMALL)
    torch.manual_seed(1)
    network = recipe.network()
    text = CardText("research", "none", "a test", {}, "tests", "tests")
    card = export(recipe, network, tmp_path / "identity.onnx", text)
    assert (card.size_px, card.outputs) == (112, ("embedding",))
    faces = torch.rand(3, 3, 112, 112)
    (embeddings,) = OrtNetwork(tmp_path / "identity.onnx", 1).run(faces.numpy())
    with torch.no_grad():
        np.testing.assert_allclose(embeddings, network(faces).numpy(), atol=1e-4)


def test_it_refuses_what_it_cannot_learn_from(weights: Path, tmp_path: Path, photos: Path) -> None:
    with pytest.raises(OptionError, match="MobileFaceNet"):
        IdentityRecipe().samples([photos], 0)
    with pytest.raises(RecipeError, match="is not there"):
        Teacher(tmp_path)
    with pytest.raises(RecipeError, match="no face"):
        next(IdentityRecipe(weights).samples([photos], 0))


@pytest.mark.parametrize("other", [b"", b"no network", "denoise", "detect", "faces"])
def test_teachers_that_are_something_else_are_refused(other: str | bytes, tmp_path: Path) -> None:
    content = bundled_model(other).path.read_bytes() if isinstance(other, str) else other
    for name in (TEACHER, YUNET, SLIM):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError, match=f"{TEACHER}: not the network of this name"):
        Teacher(tmp_path)
    with pytest.raises(RecipeError, match=f"{YUNET}: not the detector of this name"):
        FaceLabeller(tmp_path)


def test_detectors_that_changed_places_are_refused(weights: Path, tmp_path: Path) -> None:
    shutil.copy(weights / YUNET, tmp_path / SLIM)
    shutil.copy(weights / YUNET, tmp_path / YUNET)
    with pytest.raises(RecipeError, match=f"{SLIM}: not the detector of this name"):
        FaceLabeller(tmp_path)
