"""The prior that ships: it draws faces, it can be explored, and its training can go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from resilver.latent.exploration import ExploreRequest, SearchConfig, explore
from resilver.latent.prior import Prior, open_prior
from resilver.models.card import ModelCard
from resilver.models.store import bundled_model
from resilver.photo import Photo
from resilver.stages.detection import placed_faces
from resilver.train.checkpoint import read_checkpoint
from resilver.train.recipes.prior import PriorRecipe, config_for, started_from
from resilver.train.run import TrainRequest, lineage_of

STATE = Path(__file__).resolve().parents[2] / "training" / "prior_state.safetensors"


@pytest.fixture(scope="module")
def prior() -> Iterator[Prior]:
    before = torch.get_num_threads()
    yield open_prior(threads=1)
    torch.set_num_threads(before)


def test_what_it_draws_is_taken_for_faces(prior: Prior) -> None:
    """By the detector that looks for faces in photos."""
    draw = torch.Generator().manual_seed(7)
    generator = prior.generator
    z = torch.randn(24, generator.config.style_dim, generator=draw)
    with torch.no_grad():
        drawn = generator.synthesis(generator.broadcast(generator.mapping(z)))
    faces = ((drawn.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    detector = bundled_model("detect").open(1)
    large = [cv2.resize(face, (256, 256), interpolation=cv2.INTER_CUBIC) for face in faces]
    found = sum(bool(len(placed_faces(detector, np.asarray(face, np.uint8)))) for face in large)
    assert found >= 22
    apart = np.abs(faces[:12].astype(np.float32) - faces[12:].astype(np.float32)).mean(
        axis=(1, 2, 3)
    )
    assert float(apart.min()) > 10.0  # grey levels: not one face twice


def test_a_face_of_sixteen_pixels_is_explored(prior: Prior) -> None:
    portrait = data.astronaut()[0:220, 115:335]
    tiny = np.asarray(cv2.resize(portrait, (16, 16), interpolation=cv2.INTER_AREA), np.uint8)
    request = ExploreRequest(search=SearchConfig(candidates=2, steps=120))
    found = explore(Photo.from_array(tiny), prior, request)
    assert all(candidate.is_consistent for candidate in found.candidates)
    one, other = (candidate.pixels.astype(np.float32) for candidate in found.candidates)
    assert one.shape == (prior.side_px, prior.side_px, 3)
    assert float(np.abs(one - other).mean()) > 2.0  # two answers, not one


def test_its_training_can_go_on(prior: Prior) -> None:
    training = started_from(STATE, config_for(prior.side_px))
    assert int(training.step) > 4000
    assert training.codes.known
    mine = read_checkpoint(STATE)
    for name, weight in prior.generator.state_dict().items():
        torch.testing.assert_close(mine[name].float(), weight)


def test_its_state_has_its_card_beside_it(prior: Prior) -> None:
    """By which a run that goes on from it knows its licence class."""
    assert ModelCard.read(STATE.parent / "prior.toml") == prior.card
    request = TrainRequest("prior", (STATE,), STATE.parent, 1.0, licence="clean", start_from=STATE)
    assert lineage_of(PriorRecipe(), request).licence == "research"
