"""How a network runs: one method behind which ONNX Runtime stands."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from resilver.errors import ModelError
from resilver.models.providers import CPU, PROVIDERS
from resilver.models.unbroken import unbroken

Array = NDArray[np.float32]


class Network(Protocol):
    """A network ready to run."""

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """Float32 arrays (N, C, H, W) in the order of the card's inputs; outputs likewise."""
        ...


@cache
def _share_memory() -> None:
    """Gives all networks of this process one pool of memory.

    Without a pool the system zeroes the pages of every large intermediate result anew, a quarter of
    the time of a large tile; with one pool each the peak is the sum of all networks. This one grows
    by what is asked for, not in powers of two.
    """
    import onnxruntime as ort  # noqa: PLC0415

    same_as_requested = 1
    where = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    ort.create_and_register_allocator(where, ort.OrtArenaCfg(0, same_as_requested, -1, -1))


class OrtNetwork:
    """A network in ONNX Runtime.

    Args:
        path: the .onnx file.
        threads: threads of one run; None leaves the choice to ONNX Runtime (all cores).
        providers: execution providers in order of preference; the CPU by default.

    Raises:
        ModelError: the file is missing or is not a network that can be loaded, or the first of the
            providers could not be started.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        providers: tuple[str, ...] = (CPU,),
    ) -> None:
        # Imported here: 0.2 s that neither `--version` nor a wrong option should cost.
        with unbroken():
            import onnxruntime as ort  # noqa: PLC0415

            # What it raises has names here only.
            from onnxruntime.capi import (  # noqa: PLC0415
                onnxruntime_pybind11_state as raised,  # pyright: ignore[reportAttributeAccessIssue]
            )

        self._opened = (path, threads, providers)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        if PROVIDERS["directml"] in providers:
            options.enable_mem_pattern = False  # it cannot
        if threads is not None:
            options.intra_op_num_threads = threads
        if not path.is_file():
            raise ModelError(f"{path}: the weight file is missing")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=list(providers), enable_fallback=False
            )
        except (
            raised.Fail, raised.InvalidArgument, raised.InvalidGraph, raised.InvalidProtobuf,
            raised.NotImplemented, raised.RuntimeException,
            UnicodeDecodeError,  # what it says of a damaged file may hold some of its bytes
        ) as error:  # fmt: skip
            reason = _one_line(str(error).rpartition("failed:")[2])
            raise ModelError(f"{path}: not a network that can be loaded ({reason})") from error
        # One that finds no device, or none of its libraries, is left out without an error.
        if providers[0] not in self._session.get_providers():
            raise ModelError(f"{path}: ONNX Runtime could not start {providers[0]}")
        self._path = path
        self._faults = (raised.Fail, raised.InvalidArgument, raised.RuntimeException)
        self.inputs = tuple(value.name for value in self._session.get_inputs())
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def __reduce__(self) -> tuple[object, ...]:
        return OrtNetwork, self._opened  # in another process it is opened again

    def run(self, *inputs: Array) -> tuple[Array, ...]:
        """As `Network.run`.

        Raises:
            ModelError: it cannot compute this: another shape is wanted, or there is not the memory.
        """
        feed = dict(zip(self.inputs, inputs, strict=True))
        try:
            outputs = self._session.run(None, feed)
        except self._faults as error:
            reason = _one_line(str(error))
            raise ModelError(f"{self._path}: it cannot compute this ({reason})") from error
        try:
            return tuple(np.asarray(output, np.float32) for output in outputs)
        except (TypeError, ValueError) as error:  # a sequence, or texts
            raise ModelError(f"{self._path}: what it makes are no arrays of numbers") from error


def _one_line(words: str) -> str:
    return " ".join(words.split())[:300]
