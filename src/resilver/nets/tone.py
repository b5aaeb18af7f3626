"""Tone: a thumbnail in, a table of colours and a field of light out; both undo fading.

Reference: Zeng et al., "Learning Image-Adaptive 3D Lookup Tables for High Performance Photo
Enhancement in Real-Time" (2020): a small network mixes learned tables. Here the mixture is laid
over a curve for each channel (monotone by construction) and a matrix: fading is for the most part
these two, and what they describe exactly the learned tables need not learn. A coarse field of gains
and lifts, applied before the table, undoes fading that is uneven. The encoder has the layers of
SqueezeNet v1.0 (Iandola et al., 2016), so that it may start from what those learned of photos: what
colour a thing was, and whether it has faded, hangs on what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.squeezenet import SIZES, SqueezeNetFeatures, aligned_input

QUANTILES = 33  # of red, green, blue, brightness and colour; the ends among them
_LUMA = (0.299, 0.587, 0.114)
_STRIDE = 16  # of the encoder's last features
_UNIT = 2.0  # spread of what the encoder is given


@dataclass(frozen=True)
class ToneConfig:
    """Shape of the network and of what it gives."""

    nodes: int = 17  # of the table, along each axis
    tables: int = 8  # learned ones, mixed anew for each photo
    cells: int = 6  # of the field, along each axis
    width: int = 48  # channels of what is kept of the encoder's features
    hidden: int = 160

    @property
    def side_px(self) -> int:
        """Of the thumbnail: the encoder's last features lie on the cells of the field."""
        return self.cells * _STRIDE


class ToneNet(nn.Module):
    """Thumbnail (N, 3, S, S) -> table (N, 3, B, G, R), field (N, 6, cells, cells), faded (N, 1).

    The thumbnail is RGB in [0, 1]. The table gives the colour for red, green and blue at `nodes`
    even steps from 0 to 1; its last axis is red. The field is three gains (1 = as it is) and three
    lifts (0), control points of a cubic B-spline over the photo. A colour x becomes
    table(gain * x + lift). Faded is the probability that the photo has faded at all; in training
    mode its logit.
    """

    def __init__(self, config: ToneConfig | None = None) -> None:
        super().__init__()
        self.config = config or ToneConfig()
        nodes, hidden = self.config.nodes, self.config.hidden
        width = self.config.width
        self.encoder = SqueezeNetFeatures(in_channels=3)
        self.entries = nn.ModuleList(
            nn.Conv2d(channels, width, 1) for channels in SqueezeNetFeatures.CHANNELS
        )
        self.summary = nn.Sequential(
            nn.Linear(2 * width + 5 * QUANTILES, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.faded = nn.Linear(hidden, 1)
        self.curves = nn.Linear(hidden, 3 * nodes)  # of each channel: its start, then its steps
        self.matrix = nn.Linear(hidden, 9)
        self.weights = nn.Linear(hidden, self.config.tables)
        self.tables = nn.Parameter(0.01 * torch.randn(self.config.tables, 3 * nodes**3))
        self.light = nn.Sequential(nn.Conv2d(width + hidden, width, 1), nn.ReLU())
        self.head = nn.Conv2d(width, 6, 3, padding=1)
        self.encoder.start_from_nothing()
        with torch.no_grad():  # a fresh network changes next to nothing
            for last in (self.curves, self.matrix, self.weights, self.head):
                last.weight.mul_(0.05)
                assert last.bias is not None
                last.bias.zero_()

    def forward(self, thumbnail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.encoder(aligned_input(_UNIT * _evened(thumbnail)))
        fine, middle, coarse = (
            entry(x / size) for entry, x, size in zip(self.entries, features, SIZES, strict=True)
        )
        x = F.relu(coarse + F.avg_pool2d(middle, 2) + F.avg_pool2d(fine, 4))
        mean = x.mean(dim=(2, 3))
        spread = (x - mean[..., None, None]).square().mean(dim=(2, 3)).add(1e-6).sqrt()
        seen = torch.cat((mean, spread, 4.0 * (quantiles(thumbnail) - 0.5)), dim=1)
        known = self.summary(seen)
        # What is known of the whole stands beside what is seen at each place.
        side = self.config.cells
        everywhere = known[..., None, None].expand(-1, -1, side, side)
        field = self.head(self.light(torch.cat((x, everywhere), dim=1))).float()
        light = torch.cat((torch.exp(field[:, :3]), 0.5 * field[:, 3:]), dim=1)
        faded = self.faded(known).float()
        return self._table(known), light, faded if self.training else torch.sigmoid(faded)

    def _table(self, known: Tensor) -> Tensor:
        nodes = self.config.nodes
        curves = self.curves(known).float().reshape(-1, 3, nodes)  # (N, 3 * n) -> (N, 3, n)
        steps = torch.exp(curves[:, :, 1:]) / (nodes - 1)
        start = curves[:, :, :1]
        values = torch.cat((start, start + torch.cumsum(steps, dim=2)), dim=2)
        shape = (-1, 3, nodes, nodes, nodes)
        red, green, blue = values[:, 0:1], values[:, 1:2], values[:, 2:3]
        curved = torch.cat(
            (
                red[:, :, None, None, :].expand(-1, -1, nodes, nodes, -1),
                green[:, :, None, :, None].expand(-1, -1, nodes, -1, nodes),
                blue[:, :, :, None, None].expand(-1, -1, -1, nodes, nodes),
            ),
            dim=1,
        ).flatten(2)  # (N, 3, B, G, R) -> (N, 3, B * G * R)
        matrix = self.matrix(known).float().reshape(-1, 3, 3)  # (N, 9) -> (N, 3, 3)
        mixed = torch.matmul(self.weights(known).float(), self.tables)
        mixed = mixed.reshape(-1, 3, nodes**3)  # (N, 3 * n^3) -> (N, 3, n^3)
        # Around mid-grey, so that more colour is not more light as well.
        table = curved + torch.matmul(matrix, curved - 0.5) + mixed
        return table.reshape(shape)  # (N, 3, n^3) -> (N, 3, B, G, R)


def _evened(thumbnail: Tensor) -> Tensor:
    """Channels of mean 0 and spread 1: what there is to see does not hang on how it has faded."""
    centred = thumbnail - thumbnail.mean(dim=(2, 3), keepdim=True)
    spread = centred.square().mean(dim=(2, 3), keepdim=True).add(1e-4).sqrt()
    return (centred / spread).flip(1)  # the encoder's order is blue, green, red


def quantiles(thumbnail: Tensor) -> Tensor:
    """Quantiles of red, green, blue, brightness and colour, (N, 3, S, S) -> (N, 5 * QUANTILES)."""
    sampled = thumbnail[:, :, ::2, ::2].float()
    red, green, blue = sampled[:, 0:1], sampled[:, 1:2], sampled[:, 2:3]
    luma = _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue
    colour = sampled.amax(dim=1, keepdim=True) - sampled.amin(dim=1, keepdim=True)
    values = torch.cat((sampled, luma, colour), dim=1).flatten(2)  # (N, 5, pixels)
    ordered = torch.sort(values, dim=2).values
    places = torch.linspace(0, ordered.shape[2] - 1, QUANTILES, device=ordered.device).long()
    return ordered[:, :, places].flatten(1)  # (N, 5, quantiles) -> (N, 5 * quantiles)


def apply_table(table: Tensor, image: Tensor) -> Tensor:
    """A table (N, 3, B, G, R) on an image (N, 3, H, W), by trilinear interpolation."""
    # grid_sample takes (N, 1, H, W, 3) in [-1, 1], the last axis of the table first.
    where = 2.0 * image.clamp(0.0, 1.0).permute(0, 2, 3, 1)[:, None] - 1.0
    found = F.grid_sample(table, where, mode="bilinear", padding_mode="border", align_corners=True)
    return found[:, :, 0]  # (N, 3, 1, H, W) -> (N, 3, H, W)


def apply_field(field: Tensor, image: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Gains and lifts (N, 6, cells, cells) on an image (N, 3, H, W).

    `weights`: of the control points, (H, cells) and (W, cells).
    """
    smooth = torch.matmul(torch.matmul(weights[0], field), weights[1].T)
    return image * smooth[:, :3] + smooth[:, 3:]
