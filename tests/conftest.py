"""Fixtures for every kind of test."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photos and reference networks beside the checkout; CI has it, users do not."""
    if not (SHARED / "data").is_dir():
        pytest.skip(
            "needs ../shared (photos and reference networks), which is not part of the project"
        )
    return SHARED
