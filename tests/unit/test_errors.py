"""Errors: they arrive whole where they are caught, in another process too."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from resilver import errors
from resilver.errors import (
    OptionUnused,
    PhotoError,
    PhotoExists,
    PhotoTooLarge,
    ResilverError,
)

PLAIN = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, ResilverError)
    and not issubclass(kind, PhotoError | OptionUnused)
]
ALL = [
    *(kind("one sentence") for kind in PLAIN),
    PhotoError("a.jpg", "the file is empty"),
    PhotoTooLarge(Path("a.jpg"), "too large", limited=True),
    PhotoExists("a.jpg", how="--overwrite"),
    OptionUnused("vivid", "needs {upscale} 2, 4 or auto"),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_on_the_other_side(error: ResilverError) -> None:
    for there in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(there) is type(error)
        assert str(there) == str(error)
        assert vars(there) == vars(error)
