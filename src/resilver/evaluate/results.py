"""A results page: one section a benchmark, each with when, where and with what it was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from resilver.errors import ModelError, PhotoNotWritten
from resilver.models.store import bundled_models

LIBRARIES = ("numpy", "onnxruntime", "opencv-python-headless", "scikit-image", "pyvips")


@dataclass(frozen=True)
class Stamp:
    """The circumstances of a measurement."""

    commit: str  # "1a2b3c4", with "+" where the checkout had changes; "unknown" outside of git
    date: str  # UTC, "2025-11-21 10:57"
    machine: str  # processor and cores
    load: str  # load average of the last minute: what else was running
    libraries: str
    models: str  # name and first digits of the SHA-256 of every bundled network

    @classmethod
    def now(cls, checkout: Path | None) -> Stamp:
        """The circumstances at this moment; without a checkout the commit is unknown.

        Raises:
            ModelError: the card of a bundled network is wrong.
        """
        libraries = [f"{name} {version(name)}" for name in LIBRARIES]
        models = [f"{model.card.name} {model.card.sha256[:8]}" for model in bundled_models()]
        if not models:
            raise ModelError("no networks are bundled: there is nothing to measure")
        return cls(
            commit="unknown" if checkout is None else read_commit(checkout),
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            machine=f"{_processor()}, {os.cpu_count()} cores",
            load=f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
            libraries=", ".join([f"Python {platform.python_version()}", *libraries]),
            models=", ".join(models),
        )

    def line(self) -> str:
        """One line of Markdown."""
        return (
            f"*Commit {self.commit}, {self.date} UTC, on {self.machine} (load {self.load} before); "
            f"{self.libraries}; networks: {self.models}.*"
        )


def own_checkout() -> Path | None:
    """The checkout that this very code runs from; None where it is installed."""
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "benchmarks").is_dir() and (folder / "src").is_dir() else None


def replace_section(page: Path, name: str, text: str) -> None:
    """Sets the text between the markers of a section; a new section is added at the end.

    Raises:
        PhotoNotWritten: the page cannot be read or written.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    try:
        old = page.read_text("utf-8") if page.exists() else ""
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        if pattern.search(old):
            new = pattern.sub(lambda _match: section, old, count=1)
        else:
            new = f"{old.rstrip()}\n\n{section}\n".lstrip()
        beside = page.with_name(page.name + ".new")
        beside.write_text(new, "utf-8")
        beside.replace(page)
    except OSError as error:
        raise PhotoNotWritten(page, f"cannot be updated ({error.strerror})") from error


def read_commit(checkout: Path) -> str:
    """The commit a checkout is at, seven digits, with "+" where files but the results differ."""
    commit = _git(checkout, "rev-parse", "--short=7", "HEAD")
    if commit is None:
        return "unknown"
    everything_but_results = ("--", ".", ":(exclude,glob)**/RESULTS.md")
    changed = _git(checkout, "status", "--porcelain", "-uno", *everything_but_results)
    return commit + ("+" if changed else "")


def _git(checkout: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git on this machine
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
