"""Colour spaces inside a network, so that the exported graph takes plain RGB.

References: IEC 61966-2-1 (sRGB), CIE 15 (L*a*b*, D65), Smith 1978 (HSV).
"""

from __future__ import annotations

import torch
from torch import Tensor

# Linear sRGB to XYZ, rows already divided by the D65 white point.
_RGB_TO_XYZ = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)

_XYZ_TO_RGB = (
    (3.0799551, -1.5371389, -0.5428161),
    (-0.9212586, 1.8760109, 0.0452475),
    (0.0528874, -0.2040259, 1.1511385),
)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> L*a*b* (N, 3, H, W), divided by 100 so that L is in [0, 1]."""
    linear = torch.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    )
    red, green, blue = linear[:, 0:1], linear[:, 1:2], linear[:, 2:3]
    xyz = torch.cat([r * red + g * green + b * blue for r, g, b in _RGB_TO_XYZ], dim=1)
    f = torch.where(
        xyz > 0.008856, xyz.clamp_min(0.008856) ** (1.0 / 3.0), 7.787 * xyz + 16.0 / 116.0
    )
    x, y, z = f[:, 0:1], f[:, 1:2], f[:, 2:3]
    return torch.cat((1.16 * y - 0.16, 5.0 * (x - y), 2.0 * (y - z)), dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The inverse of `rgb_to_lab`; colours that sRGB cannot show are cut to [0, 1]."""
    y = (lab[:, 0:1] + 0.16) / 1.16
    f = torch.cat((y + lab[:, 1:2] / 5.0, y, y - lab[:, 2:3] / 2.0), dim=1)
    xyz = torch.where(f > 0.2068930, f.clamp_min(0.1) ** 3, (f - 16.0 / 116.0) / 7.787)
    x, y, z = xyz[:, 0:1], xyz[:, 1:2], xyz[:, 2:3]
    linear = torch.cat([r * x + g * y + b * z for r, g, b in _XYZ_TO_RGB], dim=1).clamp(0.0, 1.0)
    curved = 1.055 * linear.clamp_min(0.0031308) ** (1.0 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curved)


def rgb_to_hsv(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) in [0, 1] -> (N, 4, H, W): s cos(h), s sin(h), s, v.

    Hue is an angle: as a vector it has no jump at red, and vanishes where there is no colour.
    """
    value = rgb.amax(dim=1, keepdim=True)
    saturation = (value - rgb.amin(dim=1, keepdim=True)) / value.clamp_min(1e-3)
    red, green, blue = rgb[:, 0:1], rgb[:, 1:2], rgb[:, 2:3]
    # Hue in the colour plane (Preucil circle): its direction needs no case distinction.
    x, y = red - 0.5 * (green + blue), 0.8660254 * (green - blue)
    length = torch.sqrt(x * x + y * y + 1e-8)
    return torch.cat((saturation * x / length, saturation * y / length, saturation, value), dim=1)


def colour_views(rgb: Tensor) -> Tensor:
    """RGB, HSV and Lab side by side: (N, 3, H, W) in [0, 1] -> (N, 10, H, W) in about [-1, 1]."""
    return torch.cat((rgb, rgb_to_hsv(rgb), rgb_to_lab(rgb)), dim=1)
