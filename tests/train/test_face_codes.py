"""Codes of faces by principal components."""

from __future__ import annotations

import torch
from torch.nn import functional

from resilver.train.face_codes import FaceCodes


def _faces(count: int) -> torch.Tensor:
    """Pictures (count, 3, 64, 64) that differ in eight smooth ways."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randn(8, 3, 6, 6, generator=draw)
    ways = functional.interpolate(coarse, (64, 64), mode="bilinear")
    amounts = torch.randn(count, 8, generator=draw) * torch.linspace(1.0, 0.2, 8)
    return (amounts @ ways.flatten(1)).reshape(count, 3, 64, 64)


def test_codes_are_of_unit_variance_and_hang_together_in_nothing() -> None:
    faces = _faces(400)
    codes = FaceCodes(8)
    assert not codes.known
    codes.fit(faces)
    assert codes.known
    both = codes(torch.cat((faces, faces.flip(3))))
    assert both.shape == (800, 8)
    torch.testing.assert_close(both.mean(dim=0), torch.zeros(8), atol=1e-3, rtol=0)
    torch.testing.assert_close(both.T @ both / 800, torch.eye(8), atol=2e-2, rtol=0)
    assert bool((codes.deviations[:-1] >= codes.deviations[1:]).all())


def test_a_code_does_not_depend_on_the_size_of_the_face() -> None:
    faces = _faces(100)
    codes = FaceCodes(4)
    codes.fit(faces)
    halved = functional.avg_pool2d(faces, 2)
    torch.testing.assert_close(codes(halved), codes(faces), atol=1e-3, rtol=1e-3)


def test_few_faces_have_few_numbers() -> None:
    """What the faces that were fit do not differ in says next to nothing of another one."""
    faces = _faces(3)
    codes = FaceCodes(32)
    codes.fit(faces)
    numbers = codes(faces)
    assert bool(torch.isfinite(numbers).all())
    assert float(numbers[:, :3].abs().max()) > 0.5
    assert float(numbers[:, 8:].abs().max()) < 0.1
