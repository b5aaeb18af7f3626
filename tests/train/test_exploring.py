"""`resilver explore`: from a tiny face to a folder of imagined ones, and refusals in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from skimage.data import astronaut
from typer.testing import CliRunner, Result

from resilver.cli import app
from resilver.errors import ModelError, OptionError
from resilver.imaging.alignment import FFHQ_FRAME
from resilver.imaging.faces import MIRRORED
from resilver.imaging.tiles import Area
from resilver.latent.enlarger import Enlarger
from resilver.latent.exploration import (
    LAID_OVER,
    NOT_THE_PERSON,
    SENTENCE,
    Candidate,
    Exploration,
    ExploreRequest,
    SearchConfig,
    explore,
)
from resilver.latent.framing import framed_faces
from resilver.latent.output import write
from resilver.latent.prior import open_prior
from resilver.latent.tiny import TinyFace
from resilver.models.card import Terms
from resilver.models.store import bundled_model
from resilver.nets.srvgg import SRVGGConfig, SRVGGNet
from resilver.nets.stylegan2 import Generator, StyleGAN2Config
from resilver.photo import Photo
from resilver.photofile.source_types import IMAGINED
from resilver.stages.detection import placed_faces
from resilver.train.importing import import_checkpoint

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TERMS = Terms("clean", "made by the test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a prior of 32 px and upscalers by 2 and by 1, all of random weights."""
    folder = tmp_path_factory.mktemp("made")
    torch.manual_seed(0)
    prior = Generator(StyleGAN2Config(style_dim=12, mapping_layers=2, channels=(12, 12, 8, 8)))
    torch.save({"g_ema": prior.state_dict()}, folder / "prior.pt")
    torch.save({"params": SRVGGNet(SRVGGConfig(2, 8, 2)).state_dict()}, folder / "larger.pth")
    torch.save({"params": SRVGGNet(SRVGGConfig(1, 8, 2)).state_dict()}, folder / "same.pth")
    for file, name in (("prior.pt", "small"), ("larger.pth", "larger"), ("same.pth", "same")):
        import_checkpoint(folder / file, name, folder / "models", lambda: TERMS)
    return folder / "models"


@pytest.fixture
def models(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as what the person has imported, free to be spoilt, and no prior is bundled."""
    shutil.copytree(made, tmp_path / "models")
    monkeypatch.setattr("resilver.latent.prior.bundled_models", tuple)
    monkeypatch.setenv("RESILVER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these only wait for a second one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A face of 16 px, if one has imagination."""
    face = np.full((16, 16, 3), (150, 170, 190), np.uint8)
    cv2.circle(face, (8, 8), 6, (90, 120, 170), -1)
    cv2.imwrite(str(tmp_path / "tiny.png"), face)
    return tmp_path / "tiny.png"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def read(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A written picture (H, W) or (H, W, 3) in grey levels."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels, np.float32)


def test_only_of_what_the_prior_drew_it_is_said_that_it_would_look_the_same() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    near, far = Candidate(1, pixels, 0.2, 5.0), Candidate(2, pixels, 0.2, 23.8)
    assert (near.words, far.words) == (SENTENCE, LAID_OVER)
    tiny = TinyFace(np.zeros((4, 4, 3), np.float32), Area(0, 0, 4, 4))
    words = [
        Exploration(tiny, found, ("prior", ""), 4, "", 8, 1.0).words
        for found in ((near, near), (far, far), (near, far))
    ]
    assert words == [SENTENCE, LAID_OVER, f"{NOT_THE_PERSON}."]
    assert all(text.startswith(NOT_THE_PERSON) for text in words)


def test_a_folder_of_faces_that_agree_with_what_was_given(
    models: Path, tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = run("explore", tiny, "-o", out, "--candidates", "2", "--seed", "5", "--steps", "8")
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "face_5.png",
        "face_6.png",
        "sheet.png",
        "report.json",
    }
    told = json.loads((out / "report.json").read_text("utf-8"))
    assert told["words"] == LAID_OVER
    assert (told["prior"]["name"], told["prior"]["side_px"]) == ("small", 32)
    assert told["beyond_the_prior"] == ""
    for entry in told["candidates"]:
        face = read(out / entry["file"])
        assert face.shape == (32, 32, 3)
        small = cv2.resize(face, (16, 16), interpolation=cv2.INTER_AREA)
        error = float(np.sqrt(np.square(small - read(tiny)).mean()))
        assert entry["rmse_255"] == pytest.approx(error, abs=2e-3)
        assert error <= 1.5
        assert entry["consistent"] is (entry["searched_rmse_255"] <= 12.0)
        assert entry["searched_rmse_255"] > error
        assert entry["words"] == LAID_OVER
        assert f"{entry['file']}  {error:.2f} grey levels off" in result.stdout
        assert IMAGINED.encode() in (Photo.open(out / entry["file"]).metadata.xmp or b"")
    # Untrained, it draws no faces: the last touch makes its pictures agree, the search did not.
    assert not any(entry["consistent"] for entry in told["candidates"])
    assert result.stdout.count(": most of it is laid over, not drawn; more --steps may help") == 2
    assert IMAGINED.encode() in (Photo.open(out / "sheet.png").metadata.xmp or b"")
    assert NOT_THE_PERSON in result.stdout
    assert "would look the same" not in result.stdout
    faces = [read(out / f"face_{seed}.png") for seed in (5, 6)]
    assert np.abs(faces[0] - faces[1]).mean() > 0.5

    again = run("explore", tiny, "-o", out, "--candidates", "2", "--seed", "5", "--steps", "8")
    assert again.exit_code == 1
    assert "face_5.png: the file exists; --overwrite replaces it" in again.stderr
    over = run(
        "explore", tiny, "-o", out, "--candidates", "2", "--seed", "5", "--steps", "8",
        "--overwrite",
    )  # fmt: skip
    assert over.exit_code == 0
    for seed, face in zip((5, 6), faces, strict=True):
        np.testing.assert_array_equal(read(out / f"face_{seed}.png"), face)


def test_a_box_in_a_grey_photo_of_16_bits(models: Path, tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(20000, 40000, (70, 90), np.uint16)
    levels[10:27, 30:47] = cv2.resize(np.eye(4, dtype=np.float32) * 20000 + 20000, (17, 17)).astype(
        np.uint16
    )
    cv2.imwrite(str(tmp_path / "scan.png"), levels)
    out = tmp_path / "out"
    result = run(
        "explore", tmp_path / "scan.png", "-o", out, "--box", "30,10,16,16", "--candidates", "1",
        "--steps", "3",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    told = json.loads((out / "report.json").read_text("utf-8"))
    assert told["grey"] is True
    assert told["area"] == {"top": 10, "bottom": 26, "left": 30, "right": 46}
    face = read(out / "face_0.png")
    assert face.shape == (32, 32)  # stays grey
    small = cv2.resize(face, (16, 16), interpolation=cv2.INTER_AREA)
    error = float(np.sqrt(np.square(small - levels[10:26, 30:46] / 257.0).mean()))
    assert told["candidates"][0]["rmse_255"] == pytest.approx(error, abs=2e-3)
    assert error < 1.5


def test_beyond_the_prior_an_upscaler_or_plain_interpolation(
    models: Path, tiny: Path, tmp_path: Path
) -> None:
    common = ("--candidates", "1", "--steps", "2", "--factor", "9")
    usual = run("explore", tiny, "-o", tmp_path / "usual", *common)
    assert "enlarged by the network 'upscale'" in usual.stdout
    plain = run("explore", tiny, "-o", tmp_path / "plain", *common, "--upscale-model", "lanczos")
    assert plain.exit_code == 0, plain.output
    assert "beyond the 32 px that 'small' draws: enlarged by plain interpolation" in plain.stdout
    named = run("explore", tiny, "-o", tmp_path / "named", *common, "--upscale-model", "larger")
    assert named.exit_code == 0, named.output
    assert "enlarged by the network 'larger'" in named.stdout
    faces = [read(tmp_path / folder / "face_0.png") for folder in ("plain", "named")]
    for face in faces:
        assert face.shape == (144, 144, 3)
        small = cv2.resize(face, (16, 16), interpolation=cv2.INTER_AREA)
        assert np.sqrt(np.square(small - read(tiny)).mean()) < 1.5
    assert np.abs(faces[0] - faces[1]).max() > 1


def test_a_large_picture_is_enlarged_in_blocks_without_seams(models: Path) -> None:
    coarse = np.random.default_rng(0).random((40, 40, 3), np.float32)
    picture = np.asarray(cv2.resize(coarse, (300, 300)), np.float32)
    enlarger = Enlarger.named("larger", 1)
    assert enlarger.network is not None
    (whole,) = enlarger.network.run(np.ascontiguousarray(np.moveaxis(picture, -1, 0))[None])
    expected = np.clip(np.moveaxis(whole[0], 0, -1), 0, 1)
    np.testing.assert_allclose(enlarger.enlarge(picture, 600), expected, atol=1e-4)


def test_from_python_a_prior_of_the_official_layout(
    shared: Path, models: Path, tiny: Path, tmp_path: Path
) -> None:
    checkpoint = shared / "fixtures" / "stylegan2_rosinality_64" / "checkpoint.pt"
    import_checkpoint(checkpoint, "official", models, lambda: TERMS)
    with pytest.raises(ModelError, match="there are several priors: official, small; name one"):
        open_prior()
    prior = open_prior("official")
    assert prior.side_px == 64
    shares: list[float] = []
    found = explore(
        Photo.open(tiny),
        prior,
        ExploreRequest(search=SearchConfig(candidates=2, steps=3)),
        progress=lambda share, _words: shares.append(share),
    )
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    assert [one.pixels.shape for one in found.candidates] == [(64, 64, 3)] * 2
    with pytest.raises(OptionError, match=r"draws faces of 64 px: for a face of 33 px .* least 66"):
        explore(Photo.from_array(np.zeros((33, 33), np.uint8)), prior)
    write(found, tmp_path, tiny)
    assert (tmp_path / "face_1.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--prior", "nobody"],
            1,
            "no network is called 'nobody'; for this there are: prior, small",
        ),
        (["--prior", "larger"], 1, "'larger' is a network for upscale, not for prior"),
        (
            ["--factor", "9", "--upscale-model", "small"],
            1,
            "'small' is a network for prior, not for upscale",
        ),
        (["--factor", "9", "--upscale-model", "same"], 1, "'same' does not enlarge"),
        (["--upscale-model", "larger"], 2, "--upscale-model has no effect: 'small' itself draws"),
        (["--box", f"1,1,1,{'9' * 5000}"], 2, "a box is x,y,width,height in whole pixels"),
        (["--box", "1,1,20,20"], 2, "does not lie within the photo of 16 x 16 px"),
        (["--box", "1,1,20"], 2, "a box is x,y,width,height in whole pixels, not '1,1,20'"),
        (["--box", "0,0,8,8"], 2, "a face of 8 px a side is too small to explore"),
        (["--factor", "7"], 2, "a face is made 8 to 64 times as large, not 7"),
        (["--seed", str(2**63)], 2, "a seed is 0 to"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    models: Path, tiny: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run("explore", tiny, "-o", tmp_path / "out", *arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_too_little_memory_is_said(
    models: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_given: object, **_named: object) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    monkeypatch.setattr("resilver.latent.exploration.search", search)
    result = run("explore", tiny, "-o", tmp_path / "out", "--candidates", "3")
    assert result.exit_code == 1
    assert "not the memory to search 3 faces" in result.stderr


def test_without_a_prior_the_line_says_how_to_get_one(
    models: Path, tiny: Path, tmp_path: Path
) -> None:
    (models / "small.safetensors").unlink()
    with pytest.raises(ModelError, match=r"small\.safetensors: missing, and a search needs it"):
        open_prior("small")
    verified = run("models", "verify")
    assert verified.exit_code == 1
    assert "small.safetensors: missing, and a search needs it" in verified.stderr
    for path in models.glob("small.*"):
        path.unlink()
    result = run("explore", tiny, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "resilver models import FILE --as NAME  and name it with --prior NAME" in result.stderr


def test_weights_that_are_not_those_of_the_card_are_not_searched(models: Path) -> None:
    path = models / "small.safetensors"
    weights = load_file(path)
    save_file({**weights, "to_rgb1.bias": weights["to_rgb1.bias"] + 1}, path)
    with pytest.raises(ModelError, match=r"does not draw what small\.onnx does"):
        open_prior("small")
    verified = run("models", "verify")
    assert verified.exit_code == 1
    assert "does not draw what small.onnx does" in " ".join(verified.stderr.split())
    save_file({**weights, "to_rgb1.bias": weights["to_rgb1.bias"] * float("nan")}, path)
    with pytest.raises(ModelError, match=r"does not draw what small\.onnx does"):
        open_prior("small")
    del weights["to_rgb1.bias"]
    save_file(weights, path)
    with pytest.raises(ModelError, match="not the weights of a StyleGAN2 generator"):
        open_prior("small")
    path.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="not the weights of a StyleGAN2 generator"):
        open_prior("small")


def group() -> NDArray[np.uint8]:
    """A photo with two small faces: one woman, and her mirror image lower down."""
    woman = cv2.resize(astronaut(), (128, 128), interpolation=cv2.INTER_AREA)
    photo = np.full((190, 300, 3), 120, np.uint8)
    photo[10:138, 10:138] = woman
    photo[50:178, 160:288] = woman[:, ::-1]
    return photo


def test_the_faces_of_a_photo_are_framed_as_a_prior_knows_them() -> None:
    detector = bundled_model("detect").open(1)
    first, second = framed_faces(Photo.from_array(group()), detector)
    large = placed_faces(detector, astronaut())
    assert len(large) == 1
    points = 10 + large.points[0] / 4  # of the first
    mirrored = (points * (-1, 1) + (298, 40))[list(MIRRORED)]
    for face, seen in ((first, points), (second, mirrored)):
        left, top, side, tall = face.box
        assert side == tall
        within = (seen - (left, top)) / side
        np.testing.assert_allclose(within.mean(axis=0), FFHQ_FRAME.mean(axis=0), atol=0.05)
        assert np.abs(within - FFHQ_FRAME).max() < 0.12  # she holds her head a little askew
    assert abs(first.box[2] - second.box[2]) <= 3
    assert (first.number, second.number) == (1, 2)


def test_a_face_at_the_edge_is_framed_within_the_photo() -> None:
    detector = bundled_model("detect").open(1)
    cut_off = group()[24:138, 44:150]
    (face,) = framed_faces(Photo.from_array(cut_off), detector)
    left, top, side, _side = face.box
    assert min(left, top) >= 0
    assert left + side <= cut_off.shape[1]
    assert top + side <= cut_off.shape[0]


def test_a_face_of_a_photo_is_chosen_by_number(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "group.png"
    cv2.imwrite(str(path), group()[..., ::-1])
    out, few = tmp_path / "out", ("--candidates", "1", "--steps", "1")
    which = run("explore", path, "-o", out, *few)
    assert which.exit_code == 2
    assert "the photo has several faces; choose one with --face N: 1 at " in which.stderr
    absent = run("explore", path, "-o", out, *few, "--face", "3")
    assert absent.exit_code == 2
    assert "there is no face 3 in the photo; there are: 1 at" in absent.stderr
    both = run("explore", path, "-o", out, *few, "--face", "1", "--box", "1,1,20,20")
    assert both.exit_code == 2
    assert "give one of them" in both.stderr
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 200, 3), 90, np.uint8))
    none = run("explore", tmp_path / "empty.png", "-o", out, *few)
    assert none.exit_code == 2
    assert "no face is found in the photo; say where it is with --box x,y,w,h" in none.stderr

    mosaic = group()
    woman = mosaic[10:138, 10:138]
    blocks = cv2.resize(woman[6:70, 30:94], (12, 12), interpolation=cv2.INTER_AREA)
    woman[6:70, 30:94] = cv2.resize(blocks, (64, 64), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(path), mosaic[..., ::-1])
    for where in (("--face", "1"), ("--box", "46,17,40,40")):
        hidden = run("explore", path, "-o", out, *few, *where)
        assert hidden.exit_code == 2
        assert "hidden on purpose, it seems" in hidden.stderr

    # The photo may be that face and nothing else; no detector sees it any more then.
    cv2.imwrite(str(path), woman[6:70, 30:94, ::-1])
    for where in ((), ("--box", "0,0,64,64")):
        hidden = run("explore", path, "-o", out, *few, *where)
        assert hidden.exit_code == 2
        assert "hidden on purpose, it seems: pixelated" in hidden.stderr

    asked: list[ExploreRequest] = []

    def note(_photo: object, _prior: object, request: ExploreRequest, **_named: object) -> None:
        asked.append(request)
        raise OptionError("that is all")

    monkeypatch.setattr("resilver.latent.exploration.explore", note)
    cv2.imwrite(str(path), group()[..., ::-1])
    run("explore", path, "-o", out, *few, "--face", "2")
    (request,) = asked
    assert request.box is not None
    assert request.box[0] > 150  # the one on the right
