"""Networks: shapes, exact starting points, and what the fixed transforms keep."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from resilver.nets.colour import colour_views, rgb_to_lab
from resilver.nets.damage import DamageNet
from resilver.nets.fill import FillConfig, FillNet, pull_push
from resilver.nets.unet import Denoiser, UNet, UNetConfig

SIZES = [(1, 1), (16, 16), (33, 50), (97, 64)]


@pytest.mark.parametrize("size", SIZES)
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size)
    assert Denoiser()(image).shape == image.shape
    maps, conditions = DamageNet().eval()(image)
    assert maps.shape == (2, 5, *size)
    assert conditions.shape == (2, 2)
    assert FillNet()(image, image, torch.zeros(2, 2, *size)).shape == image.shape


def test_the_fill_clears_a_flat_veil_by_gain_and_change() -> None:
    """With a head that gives what the blending equation asks for, the photo comes back exactly."""
    net = FillNet()
    for weight in net.parameters():
        torch.nn.init.zeros_(weight)
    opacity, colour = 0.6, 0.3
    gain = opacity / (1 - opacity)
    change = gain * (0.5 - colour)
    bias = net.unet.head.bias
    assert bias is not None
    with torch.no_grad():
        # Cell means of brightness: the first coefficient of each triplet of opponent colours.
        scale = 2.0 * 3**0.5 * net.config.unet.out_gain
        bias[0], bias[12] = change * scale, gain * scale
    photo = torch.rand(1, 3, 64, 64)
    veil = torch.zeros(1, 2, 64, 64)
    veil[:, 1, 8:40, 8:40] = 1
    veiled = torch.where(veil[:, 1:] > 0, (1 - opacity) * photo + opacity * colour, photo)
    torch.testing.assert_close(net(veiled, veiled, veil), photo, atol=1e-5, rtol=0)


def test_the_wavelet_stem_loses_nothing() -> None:
    """Analysis, gains undone, synthesis: the image again."""
    config = UNetConfig(level_gain=(4.0,) * 3, detail_gain=(4.0,) * 3, out_gain=4.0)
    net = UNet(config)
    image = torch.rand(1, 3, 32, 48)
    coefficients = torch.nn.functional.conv2d(image, net.analysis, net.offset, stride=2)
    back = torch.nn.functional.conv2d(coefficients, net.synthesis)
    back = torch.nn.functional.pixel_shuffle(back, 2) + 0.5
    torch.testing.assert_close(back, image, atol=1e-5, rtol=0)


def test_a_flat_mid_grey_is_zero_to_the_network() -> None:
    net = UNet(UNetConfig())
    grey = torch.full((1, 3, 8, 8), 0.5)
    coefficients = torch.nn.functional.conv2d(grey, net.analysis, net.offset, stride=2)
    torch.testing.assert_close(coefficients, torch.zeros_like(coefficients), atol=1e-5, rtol=0)


def test_lab_agrees_with_opencv() -> None:
    image = np.random.default_rng(0).random((16, 16, 3), np.float32)
    theirs = cv2.cvtColor(image, cv2.COLOR_RGB2LAB) / 100.0
    ours = rgb_to_lab(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, theirs, atol=4e-3)  # OpenCV interpolates a table


def test_grey_has_no_colour_in_any_view() -> None:
    grey = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    views = colour_views(grey)
    assert views.shape == (1, 10, 8, 8)
    assert views[:, 3:6].abs().max() < 1e-4  # hue and saturation
    assert views[:, 8:].abs().max() < 1e-3  # a and b


def test_pull_push_keeps_the_known_and_interpolates_the_rest() -> None:
    ramp = torch.linspace(0, 1, 128).expand(1, 3, 128, 128).clone()
    known = torch.ones(1, 1, 128, 128)
    known[..., 40:80, 40:80] = 0
    guess = pull_push(ramp * known, known, 6)
    torch.testing.assert_close(guess[..., :32, :], ramp[..., :32, :], atol=1e-4, rtol=0)
    assert (guess - ramp).abs().max() < 0.15


def test_the_fill_copies_what_is_sound() -> None:
    torch.manual_seed(0)
    net = FillNet()
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    image = torch.rand(1, 3, 64, 64)
    marks = torch.zeros(1, 2, 64, 64)
    marks[:, 0, 20:40, 20:40] = 1
    marks[:, 1, 40:50, 40:50] = 1
    filled = net(image, torch.rand_like(image), marks)
    damaged = marks.amax(dim=1, keepdim=True) > 0
    torch.testing.assert_close(filled, torch.where(damaged, filled, image))
    assert (filled - image).abs().max() > 0.01


def test_the_fill_takes_a_share_of_what_is_copied_in_holes_alone() -> None:
    """With a network that answers nothing the share is a half, and under a veil none."""
    net = FillNet()
    for weight in net.parameters():
        torch.nn.init.zeros_(weight)
    image, copied = torch.rand(2, 1, 3, 64, 64).unbind()
    marks = torch.zeros(1, 2, 64, 64)
    marks[:, 0, 20:40, 20:40] = 1
    marks[:, 1, 40:50, 40:50] = 1
    wanted = torch.where(marks[:, :1] > 0, (image + copied) / 2, image)
    torch.testing.assert_close(net(image, copied, marks), wanted)


def test_the_fill_sees_beyond_256_px() -> None:
    """A change 260 px away from the hole's centre still moves what is filled."""
    torch.manual_seed(0)
    net = FillNet(FillConfig()).double()
    for weight in net.parameters():
        if weight.ndim > 1:
            torch.nn.init.kaiming_normal_(weight)
    image = torch.rand(1, 3, 64, 704, dtype=torch.float64)
    marks = torch.zeros(1, 2, 64, 704, dtype=torch.float64)
    marks[:, 0, 24:40, 336:368] = 1
    far = image.clone()
    far[..., 352 + 260 :] = 0
    moved = (net(image, image, marks) - net(far, image, marks)).abs()[..., 24:40, 350:354].max()
    assert moved > 1e-9
