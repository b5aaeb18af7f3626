"""Terms of IPTC's vocabulary "Digital Source Type" (NewsCodes, as of 2024-09-17)."""

from __future__ import annotations

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
INPAINTED_BY_NETWORK = _VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
INPAINTED = _VOCABULARY + "compositeSynthetic"
ENHANCED = _VOCABULARY + "algorithmicallyEnhanced"
IMAGINED = _VOCABULARY + "trainedAlgorithmicMedia"

# By how much of the picture was made up; all terms that are not among them say less than these.
_BY_WEIGHT = (
    ENHANCED,
    INPAINTED,
    INPAINTED_BY_NETWORK,
    _VOCABULARY + "algorithmicMedia",
    IMAGINED,
)


def weightier(new: str, stated: str | None) -> str:
    """Which of two terms a file has to bear: what was made up before stays made up."""
    known = None if stated is None else stated.strip().replace("https://", "http://", 1)
    if known not in _BY_WEIGHT or new not in _BY_WEIGHT:
        return new
    return max(new, known, key=_BY_WEIGHT.index)
