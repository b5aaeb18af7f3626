"""Terms of IPTC's vocabulary "Digital Source Type" (NewsCodes, as of 2024-09-17)."""

from __future__ import annotations

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
INPAINTED_BY_NETWORK = _VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
INPAINTED = _VOCABULARY + "compositeSynthetic"
ENHANCED = _VOCABULARY + "algorithmicallyEnhanced"
IMAGINED = _VOCABULARY + "trainedAlgorithmicMedia"
