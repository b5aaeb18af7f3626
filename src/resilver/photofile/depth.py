"""8 and 16 bits a sample: one scale for both, exact in each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ONE_LEVEL = 257
"""One grey level of 255, on the 16-bit scale."""


def widen(samples: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint16]:
    """A 16-bit copy of samples; exact: 255 becomes 65535, and rounds back to 255."""
    if samples.dtype == np.uint16:
        return samples.astype(np.uint16, copy=True)
    wide = samples.astype(np.uint16)
    wide *= ONE_LEVEL
    return wide
