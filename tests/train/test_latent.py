"""Latent search: codes stay likely, faces come near, and the same seed comes to the same face."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from resilver.errors import OptionError
from resilver.latent.gaussian import LatentGaussian, measured
from resilver.latent.scale import enlarging, put_right, rmse_255, shrinking, shrunk
from resilver.latent.search import SearchConfig, search
from resilver.latent.sphere import SphericalAdam, geodesic_cross, onto_sphere
from resilver.latent.tiny import tiny_face
from resilver.nets.stylegan2 import Generator, StyleGAN2Config
from resilver.photo import Photo

CONFIG = StyleGAN2Config(style_dim=12, mapping_layers=2, channels=(12, 12, 8, 8))  # 32 px


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these only wait for a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(CONFIG).eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def gaussian(generator: Generator) -> LatentGaussian:
    return measured(generator, count=4000)


def drawn(generator: Generator, gaussian: LatentGaussian, seed: int) -> np.ndarray:
    """A face (32, 32, 3) in [0, 1] that the prior itself draws."""
    u = torch.randn(1, 1, gaussian.dimensions, generator=torch.Generator().manual_seed(seed))
    w = gaussian.to_w(onto_sphere(u, (2,)).expand(-1, CONFIG.layers, -1))
    face = generator.synthesis(w)[0].permute(1, 2, 0).numpy()
    return np.clip((face + 1) / 2, 0, 1).astype(np.float32)


@pytest.mark.parametrize(("large", "small"), [(64, 16), (64, 20), (256, 33), (17, 17)])
def test_shrinking_is_the_mean_over_areas_and_enlarging_undoes_itself(
    large: int, small: int
) -> None:
    picture = np.random.default_rng(0).random((large, large, 3), np.float32)
    np.testing.assert_allclose(
        shrunk(picture, small),
        cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA),
        atol=1e-5,
    )
    np.testing.assert_allclose(shrinking(large, small).sum(axis=1), 1.0, atol=1e-6)
    both = shrinking(large, small) @ enlarging(large, small)
    np.testing.assert_allclose(both, np.eye(small), atol=1e-6)


def test_putting_right_makes_any_face_agree_and_leaves_one_that_does() -> None:
    rng = np.random.default_rng(1)
    face = rng.random((64, 64, 3), np.float32)
    tiny = cv2.resize(rng.random((5, 5, 3), np.float32), (16, 16))
    assert rmse_255(face, tiny) > 30
    right = put_right(face, tiny)
    assert rmse_255(right, tiny) < 0.5
    assert right.min() >= 0
    assert right.max() <= 1
    np.testing.assert_array_equal(put_right(face, shrunk(face, 16)), face)
    # What is added is smooth: detail of the face stays.
    assert np.corrcoef(np.diff(right[..., 1]).ravel(), np.diff(face[..., 1]).ravel())[0, 1] > 0.7


def test_codes_before_the_last_activation_are_standard_normal_in_u(
    generator: Generator, gaussian: LatentGaussian
) -> None:
    z = torch.randn(3000, CONFIG.style_dim, generator=torch.Generator().manual_seed(9))
    w = generator.mapping(z)
    u = gaussian.to_u(w)
    torch.testing.assert_close(u.mean(dim=0), torch.zeros(gaussian.dimensions), atol=0.1, rtol=0)
    torch.testing.assert_close(torch.cov(u.T), torch.eye(gaussian.dimensions), atol=0.15, rtol=0)
    torch.testing.assert_close(gaussian.to_w(u), w, atol=0.02, rtol=0.02)
    again = measured(generator, count=4000)
    assert torch.equal(again.root, gaussian.root)
    assert gaussian.radius == pytest.approx(math.sqrt(gaussian.dimensions))


def test_layers_apart_cost_the_square_of_their_angle() -> None:
    u = torch.zeros(2, 2, 3)
    u[0, :, 0] = 2.0  # one code for both layers
    u[1, 0, 0], u[1, 1, 1] = 1.0, 1.0  # a right angle
    cost = geodesic_cross(u)
    assert float(cost[0]) == pytest.approx(0.0, abs=1e-6)
    assert float(cost[1]) == pytest.approx((math.pi / 2) ** 2 / 2, rel=1e-3)  # of two pairs of four
    u.requires_grad_()
    geodesic_cross(u).sum().backward()
    assert u.grad is not None
    assert bool(torch.isfinite(u.grad).all())


def test_steps_stay_on_the_sphere_and_go_down() -> None:
    torch.manual_seed(0)
    point = onto_sphere(torch.randn(3, 4, 16), (2,)).requires_grad_()
    goal = torch.zeros(16)
    goal[0] = 4.0
    optimiser = SphericalAdam([(point, (2,))], rate=0.1)
    before = float((point - goal).detach().square().sum())
    for _ in range(80):
        optimiser.step((point - goal).square().sum(), 1.0)
        norms = point.detach().norm(dim=2)
        torch.testing.assert_close(norms, torch.full((3, 4), 4.0))
    assert float((point - goal).detach().square().sum()) < 0.05 * before


def test_a_face_that_the_prior_drew_is_found_again(
    generator: Generator, gaussian: LatentGaussian
) -> None:
    tiny = shrunk(drawn(generator, gaussian, 7), 16)
    errors: list[float] = []
    config = SearchConfig(candidates=2, steps=250, noise_maps=0)
    found = search(
        generator, gaussian, tiny, config, progress=lambda _step, rmse: errors.append(rmse)
    )
    assert errors[0] > 8
    assert found.rmse_255.max() <= 1.5
    assert found.steps < 250  # it stopped when both had arrived
    for face, said in zip(found.faces, found.rmse_255, strict=True):
        assert rmse_255(face, tiny) == pytest.approx(said, rel=1e-3)
    norms = found.codes.norm(dim=2)
    torch.testing.assert_close(norms, torch.full_like(norms, gaussian.radius))


def test_layers_stay_together_as_far_as_they_are_told_to(
    generator: Generator, gaussian: LatentGaussian
) -> None:
    tiny = shrunk(drawn(generator, gaussian, 7), 16)
    config = SearchConfig(candidates=2, steps=40, noise_maps=0, stop_rmse_255=0.01)
    apart = [
        float(geodesic_cross(search(generator, gaussian, tiny, one).codes).mean())
        for one in (config, replace(config, cross_weight=0.0))
    ]
    assert apart[0] < 0.7 * apart[1]


def test_seeds_differ_and_repeat(generator: Generator, gaussian: LatentGaussian) -> None:
    tiny = shrunk(drawn(generator, gaussian, 6), 16)
    config = SearchConfig(candidates=2, seed=3, steps=12)
    found = search(generator, gaussian, tiny, config)
    again = search(generator, gaussian, tiny, config)
    np.testing.assert_array_equal(found.faces, again.faces)
    assert np.abs(found.faces[0] - found.faces[1]).mean() > 0.01
    # The second of seed 3 starts where the first of seed 4 does.
    other = search(generator, gaussian, tiny, SearchConfig(candidates=1, seed=4, steps=12))
    np.testing.assert_allclose(other.faces[0], found.faces[1], atol=0.02)


def test_what_has_arrived_does_not_depend_on_the_others(
    generator: Generator, gaussian: LatentGaussian
) -> None:
    tiny = shrunk(drawn(generator, gaussian, 6), 16)
    far = SearchConfig(candidates=3, seed=3, steps=30, stop_rmse_255=8.0)
    together = search(generator, gaussian, tiny, far)
    alone = [
        search(generator, gaussian, tiny, replace(far, candidates=1, seed=3 + number))
        for number in range(3)
    ]
    assert len({one.steps for one in alone}) > 1, "some arrive before the others"
    for number, one in enumerate(alone):
        np.testing.assert_allclose(one.faces[0], together.faces[number], atol=0.02)
        shrunk_rmse = rmse_255(together.faces[number], tiny)
        assert together.rmse_255[number] == pytest.approx(shrunk_rmse, abs=0.05)


def test_noise_helps_only_where_it_is_searched(
    generator: Generator, gaussian: LatentGaussian
) -> None:
    """With noise that is felt, searching it comes nearer to a picture that no code draws."""
    noisy = Generator(CONFIG).eval()
    noisy.load_state_dict(generator.state_dict())
    for layer in (noisy.conv1, *noisy.convs):
        torch.nn.init.constant_(layer.noise.weight, 0.5)
    noisy.requires_grad_(requires_grad=False)
    tiny = np.full((16, 16, 3), 0.5, np.float32)
    tiny[4:12, 4:12] = 0.2
    errors = [
        search(
            noisy, gaussian, tiny, SearchConfig(candidates=1, steps=40, noise_maps=maps)
        ).rmse_255[0]
        for maps in (0, 5)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_a_grey_face_is_searched_in_grey(generator: Generator, gaussian: LatentGaussian) -> None:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    tiny = shrunk(drawn(generator, gaussian, 5) @ weights[:, None], 16)
    errors: list[float] = []
    found = search(
        generator,
        gaussian,
        tiny,
        SearchConfig(candidates=1, steps=100, noise_maps=0),
        progress=lambda _step, rmse: errors.append(rmse),
    )
    assert found.faces.shape == (1, 32, 32, 1)
    assert found.rmse_255[0] < 0.5 * errors[0]
    assert rmse_255(found.faces[0], tiny) == pytest.approx(found.rmse_255[0], rel=1e-3)


@pytest.mark.parametrize("field", ["candidates", "steps", "draws"])
def test_a_search_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(OptionError, match=f"{field} are at least 1, not 0"):
        SearchConfig(**{field: 0})
    largest = 2**63 - 2  # of the two candidates the second has a seed one larger
    assert SearchConfig(candidates=2, seed=largest).seed == largest
    with pytest.raises(OptionError, match=f"a seed is 0 to {largest}, not {largest + 1}"):
        SearchConfig(candidates=2, seed=largest + 1)


def ramp(height: int, width: int) -> Photo:
    rows, columns = np.mgrid[:height, :width]
    return Photo.from_array(np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8))


def test_a_face_is_a_square_of_the_photo() -> None:
    photo = ramp(50, 40)
    whole = tiny_face(photo)  # the square in the middle
    assert whole.pixels.shape == (40, 40, 3)
    assert (whole.area.top, whole.area.bottom) == (5, 45)
    np.testing.assert_allclose(whole.pixels[0, 0], [5 / 255, 0, 0], atol=1e-6)
    wide = tiny_face(photo, (3, 10, 21, 17))  # grows to 21 x 21
    assert (wide.area.left, wide.area.right, wide.area.top, wide.area.bottom) == (3, 24, 8, 29)
    corner = tiny_face(photo, (0, 0, 16, 30))  # grows to the left, where nothing is: moved
    assert (corner.area.left, corner.area.right) == (0, 30)
    with pytest.raises(OptionError, match=r"the box 30,0,20,20 .* of 40 x 50 px"):
        tiny_face(photo, (30, 0, 20, 20))
    with pytest.raises(OptionError, match="does not lie within"):
        tiny_face(photo, (0, 0, 0, 20))
    with pytest.raises(OptionError, match="a face of 15 px a side is too small"):
        tiny_face(photo, (0, 0, 15, 15))
    with pytest.raises(OptionError, match=r"65 px a side is too large .* with --box"):
        tiny_face(ramp(65, 70))


def test_grey_is_noticed_in_a_file_of_colours() -> None:
    level = np.random.default_rng(0).integers(0, 256, (20, 20, 1), np.uint8)
    assert tiny_face(Photo.from_array(level)).is_grey
    assert tiny_face(Photo.from_array(np.repeat(level, 3, axis=2))).is_grey
    assert not tiny_face(ramp(20, 20)).is_grey
