"""Networks in official layouts: they load official checkpoints and compute the same function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from resilver.nets.discriminator import Discriminator
from resilver.nets.gfpgan import GFPGAN, GFPGANConfig
from resilver.nets.rrdbnet import RRDBNet, RRDBNetConfig
from resilver.nets.srvgg import SRVGGConfig, SRVGGNet
from resilver.nets.stylegan2 import Generator, StyleGAN2Config

SMALL = StyleGAN2Config(style_dim=16, mapping_layers=2, channels=(16, 16, 8))


def fixture(shared: Path, name: str, key: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of a checkpoint, and its arrays to compare with."""
    folder = shared / "fixtures" / name
    (path,) = folder.glob("checkpoint.*")
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    arrays = np.load(folder / "io.npz")
    return checkpoint[key], {name: torch.from_numpy(arrays[name]) for name in arrays}


def assert_same(mine: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "key", "network"),
    [
        ("rrdbnet_x4", "params_ema", RRDBNet(RRDBNetConfig(4, 16, 2, 8))),
        ("rrdbnet_x2", "params_ema", RRDBNet(RRDBNetConfig(2, 16, 2, 8))),
        ("srvgg_x4", "params", SRVGGNet(SRVGGConfig(4, 16, 6))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_enlargers_compute_what_the_official_ones_do(
    shared: Path, name: str, key: str, network: nn.Module
) -> None:
    weights, arrays = fixture(shared, name, key)
    network.load_state_dict(weights)
    with torch.no_grad():
        assert_same(network(arrays["input"]), arrays["output"])


def test_the_prior_computes_what_the_official_one_does(shared: Path) -> None:
    weights, arrays = fixture(shared, "stylegan2_rosinality_64", "g_ema")
    generator = Generator(StyleGAN2Config(64, 4, (32, 32, 32, 32, 16)))
    generator.load_state_dict(weights)
    with torch.no_grad():
        codes = generator.mapping(arrays["z"])
        assert_same(codes, arrays["w"])
        assert_same(generator.synthesis(generator.broadcast(codes)), arrays["output"])


def test_the_face_restorer_computes_what_the_official_one_does(shared: Path) -> None:
    weights, arrays = fixture(shared, "gfpgan_v1_clean", "params_ema")
    prior = StyleGAN2Config(64, 4, (32, 32, 32, 32, 32, 16))
    network = GFPGAN(GFPGANConfig(prior, (8, 16, 16, 16, 16, 16)))
    network.load_state_dict(weights)
    with torch.no_grad():
        assert_same(network(arrays["input"]), arrays["output"])


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_enlargers_take_any_size(scale: int) -> None:
    image = torch.rand(2, 3, 7, 9)
    wanted = (2, 3, 7 * scale, 9 * scale)
    assert RRDBNet(RRDBNetConfig(scale, 8, 1, 4))(image).shape == wanted
    assert SRVGGNet(SRVGGConfig(scale, 8, 1))(image).shape == wanted


def test_an_rrdbnet_of_another_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="1, 2 or 4 times, not 3"):
        RRDBNetConfig(scale=3)


def test_faces_change_with_the_code_and_with_the_noise() -> None:
    torch.manual_seed(0)
    generator = Generator(SMALL)
    for name, weight in generator.named_parameters():
        if name.endswith("noise.weight"):
            nn.init.ones_(weight)
    codes = generator.broadcast(generator.mapping(torch.randn(2, 16)))
    with torch.no_grad():
        faces = generator.synthesis(codes)
        noisy = generator.synthesis(codes, generator.fresh_noise(2))
    assert faces.shape == (2, 3, 16, 16)
    assert (faces[0] - faces[1]).abs().max() > 1e-3
    assert (faces - noisy).abs().max() > 1e-3


def test_every_layer_has_its_style() -> None:
    torch.manual_seed(0)
    generator = Generator(SMALL)
    codes = torch.randn(1, SMALL.layers, SMALL.style_dim)
    with torch.no_grad():
        before = generator.synthesis(codes)
        for layer in range(SMALL.layers):
            other = codes.clone()
            other[:, layer] += 1.0
            assert (generator.synthesis(other) - before).abs().max() > 1e-5, layer


def test_the_discriminator_judges_each_image_and_sees_the_spread_of_all() -> None:
    torch.manual_seed(0)
    network = Discriminator(SMALL)
    images = torch.randn(8, 3, 16, 16)
    alike = images[:1].expand(8, -1, -1, -1)
    with torch.no_grad():
        judged = network(images)
        assert judged.shape == (8, 1)
        alone = network(images[:1])
        # The first image is the same in all three; only its company differs.
        assert (network(alike)[0] - alone[0]).abs().item() < 1e-4
        assert (judged[0] - alone[0]).abs().item() > 1e-4


def test_the_restorer_starts_from_its_prior() -> None:
    """Unsteered, its decoder draws the prior's face, but for the borders of the small scales."""
    torch.manual_seed(0)
    prior = Generator(SMALL)
    for name, weight in prior.named_parameters():
        if name.endswith(("bias", "noise.weight")):
            nn.init.normal_(weight, 0.5 if name.endswith("modulation.bias") else 0.0, 0.3)
    restorer = GFPGAN(GFPGANConfig(SMALL, (8, 8, 8)))
    restorer.from_prior(prior)
    decoder = restorer.stylegan_decoder
    with torch.no_grad():
        z = torch.randn(4, SMALL.style_dim)
        torch.testing.assert_close(decoder.style_mlp(z), prior.mapping(z), atol=1e-5, rtol=1e-5)
        codes = prior.broadcast(prior.mapping(z))
        ones = [torch.ones(4, 8, 8, 8), torch.ones(4, 4, 16, 16)]
        drawn = decoder(codes, ones, [torch.zeros_like(one) for one in ones])
        wanted = prior.synthesis(codes)
    alike = torch.corrcoef(torch.stack((drawn.flatten(), wanted.flatten())))[0, 1]
    assert alike > 0.9
    with pytest.raises(ValueError, match="the prior is"):
        restorer.from_prior(Generator(StyleGAN2Config(16, 2, (16, 16, 16))))


def test_the_restorer_sees_the_face_and_gives_its_scales() -> None:
    torch.manual_seed(0)
    restorer = GFPGAN(GFPGANConfig(SMALL, (8, 8, 8)))
    faces = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        restored, own = restorer.forward_scales(faces)
    assert restored.shape == faces.shape
    assert [tuple(scale.shape) for scale in own] == [(2, 3, 8, 8), (2, 3, 16, 16)]
    assert (restored[0] - restored[1]).abs().max() > 1e-4
