"""Where weights lie: bundled with the package, or imported; one card beside each.

Every file is verified against its card before it runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import platformdirs

from resilver.errors import ModelError
from resilver.models.card import ModelCard
from resilver.models.digest import file_sha256
from resilver.models.providers import chosen_providers
from resilver.models.session import Network, OrtNetwork

BUNDLED = Path(__file__).parent / "weights"
FOLDER_VARIABLE = "RESILVER_MODELS"
"""Environment variable: the folder of imported networks, where it is not the system's own."""
PLAIN = "lanczos"  # stands where a network is named, and says that none enlarges
PRIOR = "prior"  # the task of networks that draw faces from codes


@dataclass(frozen=True)
class StoredModel:
    """A weight file with its card."""

    card: ModelCard
    path: Path  # of the .onnx file
    # By threads: all that hold this value share them.
    _networks: dict[int | None, Network] = field(
        default_factory=dict[int | None, Network], init=False, repr=False, compare=False
    )

    def verify(self) -> None:
        """Checks the weight file against the card.

        Raises:
            ModelError: the file is missing, or its SHA-256 is not the card's.
        """
        found = file_sha256(self.path)
        if found != self.card.sha256:
            raise ModelError(
                f"{self.path}: SHA-256 is {found[:12]}…, its card says {self.card.sha256[:12]}…"
            )

    def open(self, threads: int | None = None) -> Network:
        """The network, verified and ready to run where `chosen_providers` says.

        It is opened once, and kept.

        Raises:
            ModelError: the file does not verify or load, or cannot run there.
        """
        if threads not in self._networks:
            self.verify()
            self._networks[threads] = OrtNetwork(self.path, threads, chosen_providers())
        return self._networks[threads]


def user_folder() -> Path:
    """Where imported networks lie: what the environment says, or the person's own data folder.

    Raises:
        ModelError: neither is known: the person has no home folder.
    """
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    try:
        return platformdirs.user_data_path("resilver") / "models"
    except RuntimeError as error:
        raise ModelError(
            f"there is no home folder: say with {FOLDER_VARIABLE} where imported networks lie"
        ) from error


def imported_models() -> tuple[StoredModel, ...]:
    """Every model that the person has imported, by name; those of `wrong_imports` are left out."""
    return tuple(_imports()[0].values())


def wrong_imports() -> dict[str, ModelError]:
    """What is wrong with imported cards that cannot be read, by the name of their files."""
    return _imports()[1]


def _imports() -> tuple[dict[str, StoredModel], dict[str, ModelError]]:
    """One wrong card among what a person has imported must not take the others with it."""
    models: dict[str, StoredModel] = {}
    wrong: dict[str, ModelError] = {}
    for path in sorted(user_folder().glob("*.toml")):
        try:
            model = stored_model(path.with_suffix(".onnx"))
            if model.card.name != path.stem:
                raise ModelError(f"{path}: this is the card of {model.card.name!r}")
            models[path.stem] = model
        except ModelError as error:
            wrong[path.stem] = error
    return models, wrong


def model_named(name: str, task: str) -> StoredModel:
    """An imported or bundled model for one task, by name.

    Raises:
        ModelError: there is none, its card is wrong, or it is for another task.
    """
    known = {model.card.name: model for model in (*bundled_models(), *imported_models())}
    if name not in known:
        wrong = wrong_imports()
        if name in wrong:
            raise wrong[name]
        fitting = ", ".join(name for name, model in known.items() if model.card.task == task)
        raise ModelError(f"no network is called {name!r}; for this there are: {fitting or 'none'}")
    model = known[name]
    if model.card.task != task:
        raise ModelError(f"{name!r} is a network for {model.card.task}, not for {task}")
    return model


def searched_weights(model: StoredModel) -> Path:
    """The file that a search needs of a prior: it goes back through the weights themselves.

    What is in it is held against the .onnx file when it is opened (`resilver.latent.prior`).

    Raises:
        ModelError: it is missing.
    """
    path = model.path.with_suffix(".safetensors")
    if not path.is_file():
        raise ModelError(
            f"{path}: missing, and a search needs it; import the checkpoint of {model.card.name!r} "
            "again with  resilver models import --replace"
        )
    return path


@cache  # the service asks for each photo that is sent, and a package does not change
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
