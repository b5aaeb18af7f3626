"""The visible table of test suites. Adding one: a value in a file here, a line in `SUITES`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilver.errors import OptionError
from resilver.evaluate.declared.colour import COLOURISE
from resilver.evaluate.declared.damage import AGED, REPAIR
from resilver.evaluate.declared.faces import FACES256, FACES512
from resilver.evaluate.declared.noise import DENOISE
from resilver.evaluate.declared.size import UPSCALE
from resilver.evaluate.declared.tone import TONE
from resilver.evaluate.declared.whole import CLEAN, OLD, SOUND
from resilver.evaluate.values import Suite

SUITES: Mapping[str, Suite[Any]] = {
    suite.name: suite
    for suite in (
        CLEAN,
        SOUND,
        AGED,
        REPAIR,
        DENOISE,
        TONE,
        COLOURISE,
        UPSCALE,
        FACES256,
        FACES512,
        OLD,
    )
}
"""Every suite by its name, as `resilver evaluate --list` shows them."""


def suite_named(name: str) -> Suite[Any]:
    """A suite of `SUITES`.

    Raises:
        OptionError: none has this name.
    """
    if name not in SUITES:
        raise OptionError(f"unknown suite {name!r}; there are: {', '.join(SUITES)}")
    return SUITES[name]
