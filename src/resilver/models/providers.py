"""Where networks run: ONNX Runtime's execution providers, by what the environment says."""

from __future__ import annotations

import os

from resilver.errors import ModelError
from resilver.models.unbroken import unbroken

PROVIDER_VARIABLE = "RESILVER_PROVIDER"
"""Environment variable: where networks run, one of `PROVIDERS`; on the CPU if it is not set."""
CPU = "CPUExecutionProvider"
PROVIDERS = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}


def chosen_providers() -> tuple[str, ...]:
    """What ONNX Runtime calls the provider that is asked for, and the CPU for what it lacks.

    Raises:
        ModelError: the variable names none of `PROVIDERS`, or one that the installed ONNX Runtime
            is built without.
    """
    asked = os.environ.get(PROVIDER_VARIABLE, "").strip().lower() or "cpu"
    if asked not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise ModelError(f"{PROVIDER_VARIABLE} is one of {known}, not {asked!r}")
    if asked == "cpu":
        return (CPU,)
    # Imported here for the same reason as in `resilver.models.session`.
    with unbroken():
        import onnxruntime as ort  # noqa: PLC0415

    available = ort.get_available_providers()
    if PROVIDERS[asked] not in available:
        has = ", ".join(name for name, provider in PROVIDERS.items() if provider in available)
        raise ModelError(
            f"{PROVIDER_VARIABLE} is {asked!r}, which the installed ONNX Runtime is built without "
            f"(it has: {has})"
        )
    return PROVIDERS[asked], CPU
