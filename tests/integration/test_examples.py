"""What a newcomer runs first: the sample portrait, and the targets of the Makefile."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

ROOT = Path(__file__).resolve().parents[2]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def test_the_sample_portrait_writes_what_the_quickstart_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = np.ascontiguousarray(data.astronaut()[0:384:2, 100:484:2])
    monkeypatch.setattr("skimage.data.astronaut", lambda: small)  # the whole one takes long
    out = tmp_path / "restored"
    out.mkdir()
    (out / "portrait_of_mine.png").write_bytes(b"an earlier result")
    script = ROOT / "examples" / "sample_portrait.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--out", str(out)])
    runpy.run_path(str(script), run_name="__main__")

    page = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    named = set(re.findall(r"`restored/sample/(portrait[\w.]*)`", page))
    assert {"portrait_report.html"} <= named
    written = {path.name for path in out.iterdir()} - {"portrait_of_mine.png"}
    assert named <= written
    told = re.findall(r"written: (.+)", capsys.readouterr().out)
    assert sorted(told) == sorted(str(out / name) for name in written)
    for report in out.glob("*.html"):
        assert report.name.replace("_report.html", "_restored.png") in written


@needs_make
def test_the_sample_has_a_folder_of_its_own_among_the_results() -> None:
    """Whoever restores a photo called portrait.png finds it where it was."""
    said = _would_run("restore", "OUT=my results")
    assert 'sample_portrait.py --out "my results/sample"\n' in said


@needs_make
def test_make_hands_its_arguments_to_the_command_line() -> None:
    said = _would_run("restore", "PHOTO=one photo.jpg", "ARGS=--overwrite --denoise 0.5")
    (line,) = [line for line in said.splitlines() if "resilver restore" in line]
    assert '"one photo.jpg" -o "restored"' in line
    assert line.endswith(" --overwrite --denoise 0.5")


@needs_make
def test_make_goes_on_once_venv_is_installed(tmp_path: Path) -> None:
    """As on Debian without python3-venv: the failed attempt leaves a Python without pip."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$1 $2" != "-m venv" ]; then exit 0; fi\n'
        "mkdir -p .venv/bin\n"
        "printf '#!/bin/sh\\ntest -e .venv/bin/pip\\n' >.venv/bin/python\n"
        "chmod +x .venv/bin/python\n"
        "test -e installed && touch .venv/bin/pip\n"
    )
    python.chmod(0o755)

    def make() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "PYTHON=./python", ".venv/.installed"],
            capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60,
        )  # fmt: skip

    first = make()
    assert first.returncode != 0
    assert "apt install python3-venv" in first.stderr
    assert (tmp_path / ".venv/bin/python").is_file()
    (tmp_path / "installed").touch()
    second = make()
    assert second.returncode == 0, second.stderr


@needs_make
def test_make_clean_leaves_restored_photos_alone() -> None:
    said = _would_run("clean", "OUT=my photos")
    assert "rm -rf .venv" in said
    assert "my photos" not in said
    assert "restored" not in _would_run("clean")


def _would_run(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    return done.stdout
