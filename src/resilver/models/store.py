"""Where weights lie: bundled with the package, one card beside each; verified before they run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from resilver.errors import ModelError
from resilver.models.card import ModelCard
from resilver.models.session import Network, OrtNetwork

BUNDLED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class StoredModel:
    """A weight file with its card."""

    card: ModelCard
    path: Path  # of the .onnx file

    def verify(self) -> None:
        """Checks the weight file against the card.

        Raises:
            ModelError: the file is missing, or its SHA-256 is not the card's.
        """
        try:
            found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be read ({error.strerror})") from error
        if found != self.card.sha256:
            raise ModelError(
                f"{self.path}: SHA-256 is {found[:12]}…, its card says {self.card.sha256[:12]}…"
            )

    def open(self, threads: int | None = None) -> Network:
        """The network, verified and ready to run."""
        self.verify()
        return OrtNetwork(self.path, threads)


def bundled_models(folder: Path = BUNDLED) -> tuple[StoredModel, ...]:
    """Every model that ships with the package, by name."""
    return tuple(stored_model(path.with_suffix(".onnx")) for path in sorted(folder.glob("*.toml")))


def bundled_model(name: str, folder: Path = BUNDLED) -> StoredModel:
    """One bundled model.

    Raises:
        ModelError: none has this name.
    """
    if not (folder / f"{name}.toml").is_file():
        raise ModelError(f"no model named {name!r} is bundled")
    return stored_model(folder / f"{name}.onnx")


def stored_model(path: Path) -> StoredModel:
    """A weight file anywhere, with the card `<name>.toml` beside it.

    Raises:
        ModelError: the file is not called like a network, or its card is missing or wrong; a file
            without one is never run.
    """
    if path.suffix.lower() != ".onnx":
        raise ModelError(f"{path}: a network is a file whose name ends in .onnx")
    return StoredModel(ModelCard.read(path.with_suffix(".toml")), path)


def load(name: str, threads: int | None = None) -> Network:
    """A bundled network, verified and ready to run."""
    return bundled_model(name).open(threads)
