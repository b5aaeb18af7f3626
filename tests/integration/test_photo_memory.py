"""A photo is held once, whatever is done with its file."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import pyvips

import making_photos as made

resource = pytest.importorskip("resource", reason="Windows does not tell how much memory was used")

MEMORY = """
    import resource, sys
    import numpy as np
    from resilver.photo import Photo
    def peak_mib():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before = peak_mib()
    photo = Photo.open(sys.argv[1])
    photo.preview(512)
    photo.save(sys.argv[2])
    print(peak_mib() - before, photo.pixels.nbytes / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_photo_is_held_once(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "source.tif"
    pixels = np.kron(made.picture16(100, 120), np.ones((32, 32, 1), np.uint16))
    pyvips.Image.new_from_array(pixels, interpretation="rgb16").tiffsave(str(source))
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(MEMORY),
        str(source),
        str(tmp_path / f"a{suffix}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    grown, held = map(float, done.stdout.split())
    assert held == pytest.approx(70.3, abs=1)
    assert grown < held * 1.2 + 60


@pytest.mark.skipif(
    not os.environ.get("RESILVER_TEST_100_MEGAPIXELS"),
    reason="writes 1.2 GB; set RESILVER_TEST_100_MEGAPIXELS=1 to run it",
)
def test_100_megapixels_of_16_bits(tmp_path: Path) -> None:
    source = tmp_path / "source.tif"
    grain = np.random.default_rng(0).integers(0, 4096, (1150, 870, 3), dtype=np.uint16)
    tile = pyvips.Image.new_from_array(made.picture16(1150, 870) // 2 + grain)
    tile.copy(interpretation="rgb16").replicate(10, 10).tiffsave(str(source))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    command = [sys.executable, "-c", textwrap.dedent(MEMORY), str(source), str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    assert before < 1 << 20
    grown, held = map(float, done.stdout.split())
    assert held > 570
    assert grown < 800
