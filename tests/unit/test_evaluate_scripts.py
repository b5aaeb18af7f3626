"""The benchmark scripts run as a person would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# Parts of the others, and what looks at photos that are trained with, not at the suites.
NO_BENCHMARKS = ("arguments", "processes", "evidence")
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NO_BENCHMARKS)


def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    script = str(FOLDER / f"{name}.py")
    # The help would otherwise be wrapped to the width of whoever's terminal.
    wide = os.environ | {"COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, check=False, env=wide
    )


def test_all_are_there() -> None:
    assert SCRIPTS == [
        "chaos",
        "detection",
        "explore",
        "faces",
        "hidden",
        "identity",
        "load",
        "old",
        "queueing",
        "recognition",
        "speed",
        "suites",
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_says_what_it_measures(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "folder of the test suites" in done.stdout


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    done = run("suites", "clean", "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip() == f"suites: {tmp_path / 'clean'}: no such folder"


def test_a_trial_gives_a_table_and_says_that_it_is_a_trial(shared: Path) -> None:
    done = run("suites", "tone", "--data", str(shared / "data" / "eval"), "--photos", "1")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    names = [row.split("|")[1].strip() for row in rows]
    for name in ("evenly faded: input", "good: percentile stretch"):
        assert name in names
    assert "Trial on 1 photos only." in done.stdout
