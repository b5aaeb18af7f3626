"""The optimiser: Muon on the convolutions, AdamW on the rest, resumable."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from resilver.nets.gfpgan import GFPGAN, GFPGANConfig
from resilver.nets.stylegan2 import StyleGAN2Config
from resilver.nets.tone import ToneNet
from resilver.nets.unet import Denoiser, UNetConfig
from resilver.train.muon import Muon, orthogonal
from resilver.train.optimise import Optimiser, lay_out

SMALL = UNetConfig(widths=(8, 16), blocks=(1,), middle_blocks=1)


def network() -> nn.Module:
    torch.manual_seed(3)
    return Denoiser(SMALL).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def descend(net: nn.Module, optimiser: Optimiser, steps: int, seed: int = 0) -> list[float]:
    generator = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    for _ in range(steps):
        clean = torch.rand((4, 3, 1, 1), generator=generator).expand(4, 3, 32, 32)
        noisy = clean + 0.2 * torch.randn(clean.shape, generator=generator)
        loss = (net(noisy) - clean).square().mean()
        net.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step(1.0)
        losses.append(float(loss.detach()))
    return losses


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in net.named_parameters()}


def test_every_weight_is_trained_and_the_loss_falls() -> None:
    net = network()
    before = weights(net)
    losses = descend(net, Optimiser(net, 4e-3), 150)
    assert sum(losses[-5:]) < 0.4 * sum(losses[:5])
    unmoved = [name for name, weight in weights(net).items() if torch.equal(weight, before[name])]
    assert unmoved == []


def test_a_hidden_convolution_moves_by_an_orthogonal_matrix() -> None:
    net = network()
    descend(net, Optimiser(net, 4e-3), 12)
    before = weights(net)["unet.middle.0.first.weight"]
    descend(net, Optimiser(net, 4e-3), 1, seed=9)
    moved = weights(net)["unet.middle.0.first.weight"] - before
    singular = torch.linalg.svdvals(moved.permute(0, 2, 3, 1).flatten(1))
    # 0.2 * sqrt(largest side) * rate; Newton-Schulz leaves singular values near 1, not at it.
    scale = 0.2 * (9 * 16) ** 0.5 * 4e-3
    assert 0.4 < float(singular.median()) / scale < 1.6
    assert float(singular.max()) < 1.6 * scale


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (1, 9), (32, 32)])
def test_singular_values_are_brought_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(5)
    matrix = 40.0 * torch.randn(shape)
    made = orthogonal(matrix)
    values = torch.linalg.svdvals(made)
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    nearest = left @ right
    assert float((made * nearest).sum() / (made.norm() * nearest.norm())) > 0.95


def test_the_update_is_that_of_torch() -> None:
    torch.manual_seed(6)
    first, second = (nn.Parameter(torch.ones(24, 72)) for _ in range(2))
    ours = Muon([{"params": [first], "lr": 1e-2}])
    theirs = torch.optim.Muon([second], lr=1e-2, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        first.grad = torch.randn(24, 72)
        second.grad = first.grad.clone()
        ours.step()
        theirs.step()
    # Theirs is computed in bfloat16.
    assert float((first - second).detach().abs().max()) < 0.05 * float(
        (first - 1.0).detach().abs().max()
    )


def test_zero_times_the_rate_changes_nothing() -> None:
    net = network()
    optimiser = Optimiser(net, 4e-3)
    before = weights(net)
    net(torch.rand(1, 3, 16, 16)).square().mean().backward()
    optimiser.step(0.0)
    for name, weight in weights(net).items():
        assert torch.equal(weight, before[name])


def test_a_restored_state_goes_on_as_if_never_stopped() -> None:
    whole = network()
    optimiser = Optimiser(whole, 4e-3)
    descend(whole, optimiser, 5)
    copied = network()
    copied.load_state_dict(whole.state_dict())
    restored = Optimiser(copied, 4e-3)
    restored.load_state_dict(copy.deepcopy(optimiser.state_dict()))  # as a file would
    descend(whole, optimiser, 3, seed=1)
    descend(copied, restored, 3, seed=1)
    for name, weight in weights(copied).items():
        torch.testing.assert_close(weight, weights(whole)[name], rtol=1e-4, atol=1e-6)


def test_a_network_without_convolutions_trains_too() -> None:
    net = nn.Linear(3, 1)
    optimiser = Optimiser(net, 4e-2)
    before = net.weight.detach().clone()
    net(torch.ones(2, 3)).sum().backward()
    optimiser.step(1.0)
    assert not torch.equal(net.weight, before)


def test_how_the_weights_lie_in_memory_changes_nothing() -> None:
    last, first = network(), network()
    lay_out(first, torch.contiguous_format)
    kept, optimiser = Optimiser(last, 4e-3), Optimiser(first, 4e-3)
    descend(last, kept, 4)
    descend(first, optimiser, 4)
    # A checkpoint goes on in the other order, as on another machine.
    moved = Optimiser(first, 4e-3)
    moved.load_state_dict(copy.deepcopy(kept.state_dict()))
    descend(last, kept, 3, seed=1)
    descend(first, moved, 3, seed=1)
    for name, weight in weights(first).items():
        torch.testing.assert_close(weight, weights(last)[name], rtol=1e-3, atol=1e-5)


def test_trained_parts_move_at_a_tenth_and_keep_it_in_a_checkpoint() -> None:
    parts = ("unet.stem", "unet.encode")
    net = network()
    optimiser = Optimiser(net, 4e-3, trained=parts)
    twin = network()
    resumed = Optimiser(twin, 4e-3, trained=parts, trained_factor=1.0)
    resumed.load_state_dict(optimiser.state_dict())  # its factor comes with the state
    before = weights(net)
    for one, its_optimiser in ((net, optimiser), (twin, resumed)):
        descend(one, its_optimiser, 1)
        moved = {
            name: float((weight - before[name]).norm()) for name, weight in weights(one).items()
        }
        slow, full = moved["unet.encode.0.0.first.weight"], moved["unet.decode.0.0.first.weight"]
        assert 0.05 < slow / full < 0.2
        assert moved["unet.stem.weight"] < 0.3 * moved["unet.head.weight"]


FACES = GFPGANConfig(StyleGAN2Config(16, 2, (16, 16, 16)), (16, 16, 16))


@pytest.mark.parametrize(
    ("made", "name", "by_adam"),
    [
        (lambda: GFPGAN(FACES), "stylegan_decoder.style_conv1.bias", True),
        (lambda: GFPGAN(FACES), "stylegan_decoder.constant_input.weight", True),
        (lambda: GFPGAN(FACES), "stylegan_decoder.style_conv1.modulated_conv.weight", False),
        (lambda: GFPGAN(FACES), "conv_body_down.0.conv1.weight", False),
        (ToneNet, "encoder.conv1.weight", True),
        (ToneNet, "encoder.fire2.squeeze.weight", False),
    ],
)
def test_vectors_and_first_layers_are_left_to_adam(
    made: Callable[[], nn.Module], name: str, by_adam: bool
) -> None:
    """Adam's first step is as long for every number, whatever its gradient; Muon's is not."""
    torch.manual_seed(0)
    net = made()
    weight = net.get_parameter(name)
    before = weight.detach().clone()
    weight.grad = torch.rand_like(weight) + 0.01
    Optimiser(net, 1e-2).step(1.0)
    moved = (weight.detach() - before).abs()
    assert bool(moved.min() > 0.9 * moved.max()) == by_adam
