"""`resilver restore` and `diagnose` as a person runs them: real files, the real pipeline."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from resilver.cli import app
from resilver.photo import Photo


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def portrait() -> np.ndarray:
    """(192, 192, 3) uint8."""
    return np.ascontiguousarray(data.astronaut()[0:384:2, 100:484:2])


@pytest.fixture(scope="module")
def scratched() -> np.ndarray:
    picture = portrait()
    picture[60:64, 10:180] = 255
    picture[20:170, 90:93] = 250
    return picture


@pytest.fixture
def scans(tmp_path: Path, scratched: np.ndarray) -> Path:
    """A folder of two photos, one in a sub-folder, and a text."""
    folder = tmp_path / "scans"
    (folder / "1931").mkdir(parents=True)
    Image.fromarray(scratched).save(folder / "lake.png")
    Image.fromarray(portrait()[:96, :128]).save(folder / "1931" / "aunt.jpg", quality=95)
    (folder / "notes.txt").write_text("found in the attic")
    return folder


def test_a_folder_is_restored_and_mirrored(scans: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()}
    result = run("restore", scans, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    )
    assert written == ["1931/aunt_restored.jpg", "lake_restored.png"]
    assert "2 photos in" in result.stdout
    assert "1 other file ignored" in result.stdout
    assert f"{scans / 'lake.png'} -> {tmp_path / 'out' / 'lake_restored.png'}" in result.stdout
    assert result.stderr == ""
    assert before == {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()}


def test_a_mask_is_filled_and_the_rest_is_left_alone(tmp_path: Path, scratched: np.ndarray) -> None:
    mask = np.zeros(scratched.shape[:2], np.uint8)
    mask[58:66, 8:182] = 255
    Image.fromarray(scratched).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    result = run(
        "restore", tmp_path / "a.png", "--mask", tmp_path / "mask.png", "--mask-mode", "replace",
        "--only", "repair", "--fill", "telea",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "a_restored.png") as picture:
        after = np.asarray(picture)
    far = np.ones(mask.shape, bool)
    far[50:74] = False
    assert np.array_equal(after[far], scratched[far])
    assert np.abs(after[60:64, 10:180].astype(int) - portrait()[60:64, 10:180]).mean() < 40
    assert np.abs(scratched[60:64, 10:180].astype(int) - portrait()[60:64, 10:180]).mean() > 80


def test_a_mask_of_another_size_is_named_with_both_sizes(scans: Path, tmp_path: Path) -> None:
    Image.new("L", (10, 20), 255).save(tmp_path / "mask.png")
    result = run("restore", scans / "lake.png", "--mask", tmp_path / "mask.png")
    assert result.exit_code == 1
    assert "the mask is 10 x 20 pixels, the photo 192 x 192" in result.stderr
    assert not (scans / "lake_restored.png").exists()


def test_reports_are_written_beside_the_result(scans: Path) -> None:
    arguments = ("--report", "html", "--report", "json", "--denoise", "0.8")
    result = run("restore", scans / "lake.png", *arguments)
    assert result.exit_code == 0, result.output
    values = json.loads((scans / "lake_report.json").read_text("utf-8"))
    assert values["source"] == "lake.png"
    assert [stage["stage"] for stage in values["stages"]][:2] == ["repair", "denoise"]
    page = (scans / "lake_report.html").read_text("utf-8")
    assert "<title>lake.png: what was restored</title>" in page
    assert "We " in result.stdout  # one photo: the table is shown


def test_bad_files_are_named_and_the_rest_goes_on(scans: Path, tmp_path: Path) -> None:
    (scans / "empty.jpg").touch()
    whole = (scans / "lake.png").read_bytes()
    (scans / "cut.png").write_bytes(whole[: len(whole) // 3])
    (scans / "text.tif").write_text("this is no image")
    missing = tmp_path / "missing.jpg"
    result = run("restore", scans, missing, "-o", tmp_path / "out", "--skip", "denoise,repair")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    for path in (scans / "empty.jpg", scans / "cut.png", scans / "text.tif", missing):
        (line,) = [line for line in lines if line.startswith(f"failed    {path}: ")]
        assert len(line) > len(f"failed    {path}: ")
    assert len(list((tmp_path / "out").rglob("*_restored.*"))) == 2
    assert "6 photos in" in result.stdout
    assert "4 failed" in result.stdout


def test_a_name_that_is_too_long_is_one_line_and_the_rest_goes_on(
    scans: Path, tmp_path: Path
) -> None:
    long = scans / ("a" * 300 + ".jpg")
    out = tmp_path / "out"
    result = run("restore", long, scans / "lake.png", "-o", out, "--skip", "repair,denoise")
    assert result.exit_code == 1, result.output
    assert result.stderr == f"failed    {long}: it cannot be opened (File name too long)\n"
    assert (out / "lake_restored.png").is_file()
    folder = tmp_path / ("b" * 300)
    result = run("restore", scans / "lake.png", "-o", folder)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.endswith(f"{folder}: cannot be made a folder (File name too long)")


def test_a_wrong_name_costs_neither_depth_nor_alpha(tmp_path: Path) -> None:
    scan = Photo.from_array(np.full((24, 32, 4), 40_001, np.uint16))
    scan.save(tmp_path / "scan.tif")
    (tmp_path / "scan.tif").rename(tmp_path / "wrong.jpg")
    result = run("restore", tmp_path / "wrong.jpg", "--skip", "repair,denoise")
    assert result.exit_code == 0, result.output
    after = Photo.open(tmp_path / "wrong_restored.tif")
    assert (after.format, after.bit_depth) == ("tiff", 16)
    assert np.array_equal(after.pixels, scan.pixels)
    assert after.alpha is not None
    assert np.array_equal(after.alpha, scan.alpha)


@pytest.mark.parametrize("name", [".", "mine.pth", "b" * 300 + ".onnx"])
def test_a_network_that_is_none_is_one_line(scans: Path, name: str) -> None:
    result = run("restore", scans / "lake.png", "--denoise-model", name)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"resilver: {name.removesuffix('.onnx')}")
    assert not (scans / "lake_restored.png").exists()


def test_a_named_file_that_is_no_image_is_an_error(scans: Path) -> None:
    result = run("restore", scans / "notes.txt")
    assert result.exit_code == 1
    assert f"{scans / 'notes.txt'}: the file is not an image" in result.stderr


def test_results_are_not_overwritten_unasked(scans: Path) -> None:
    photo = scans / "lake.png"
    assert run("restore", photo, "--skip", "repair,denoise").exit_code == 0
    (scans / "lake_restored.png").write_bytes(b"precious")
    refused = run("restore", photo)
    assert refused.exit_code == 1
    assert "already there; overwrite it with --overwrite" in refused.stderr
    assert (scans / "lake_restored.png").read_bytes() == b"precious"
    assert run("restore", photo, "--overwrite", "--skip", "repair,denoise").exit_code == 0
    assert (scans / "lake_restored.png").read_bytes() != b"precious"


def test_a_second_run_skips_the_results_of_the_first(scans: Path) -> None:
    assert run("restore", scans, "--skip", "repair,denoise").exit_code == 0
    second = run("restore", scans, "--skip", "repair,denoise", "--overwrite")
    assert second.exit_code == 0, second.output
    assert f"skipped   {scans / 'lake_restored.png'}: a result of an earlier run" in second.stdout
    assert not list(scans.rglob("*_restored_restored*"))


def test_links_are_skipped_and_nothing_has_failed(scans: Path, tmp_path: Path) -> None:
    out, aunt = tmp_path / "out", scans / "1931" / "aunt.jpg"
    (scans / "0.jpg").symlink_to(aunt)
    (scans / "round").symlink_to(tmp_path)
    result = run("restore", scans, "-o", out, "--only", "denoise")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert f"skipped   {scans / '0.jpg'}: a link to {aunt}\n" in result.stdout
    assert f"skipped   {scans / 'round'}: a link to a folder around the output\n" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("2 photos in ")
    assert (out / "1931" / "aunt_restored.jpg").exists()

    again = run("restore", scans, "-o", out, "--colourise", "--variants", "2")
    there = f"{out / 'lake_restored.png'} is already there, but not lake-colour1_restored.png"
    assert f"{there}; --overwrite does it anew\n" in again.stdout


def test_a_folder_that_is_not_taken_is_no_photo(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("restore", tmp_path / "empty")
    assert result.exit_code == 1
    assert "no photos were found" in result.stderr
    assert "0 photos in " in result.stdout
    assert "1 folder not taken" in result.stdout
    assert "failed" not in result.stdout


def test_a_mask_for_a_repair_that_is_switched_off_is_refused(scans: Path) -> None:
    mask = ("--mask", scans / "lake.png")
    for without in (("--repair", "0"), ("--only", "denoise"), ("--skip", "repair")):
        result = run("restore", scans / "lake.png", *mask, *without)
        assert result.exit_code == 2
        assert f"--mask has no effect: {without[0]} " in result.stderr


def test_what_is_not_within_the_licence_is_refused_in_one_line(scans: Path) -> None:
    larger = ("--upscale", "2", "--vivid", "1")
    for asked, stage in ((("--colourise",), "colourise"), (larger, "upscale")):
        result = run("restore", scans / "lake.png", "--licence", "clean", *asked)
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith(f"resilver: the stage {stage} is asked for, and licence")
        assert len(result.stderr.splitlines()) == 1
        assert not (scans / "lake_restored.png").exists()


def test_nothing_is_found_where_no_step_was_run(scans: Path) -> None:
    result = run("restore", scans / "lake.png", "--licence", "clean", "--skip", "denoise")
    assert result.exit_code == 0, result.output
    assert "no step was run" in result.stdout
    assert "found nothing" not in result.stdout


def test_what_is_to_be_known_of_a_photo_is_told_in_a_batch_too(scans: Path) -> None:
    pages = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    pages[0].save(scans / "album.tif", save_all=True, append_images=pages[1:])
    result = run("restore", scans, "--licence", "clean", "--skip", "repair,faces")
    assert result.exit_code == 0, result.output
    assert "note: multi-page TIFF: only the first of 2 pages" in result.stdout
    assert "note: tone was left out" in result.stdout
    assert "the steps that ran found nothing" in result.stdout


def test_a_name_that_is_text_stands_in_json_as_it_is(scans: Path) -> None:
    (scans / "lake.png").rename(scans / "Scan at 9\u202fam.png")
    result = run("diagnose", scans / "Scan at 9\u202fam.png", "--json", "--only", "denoise")
    assert result.stdout.isascii()  # whatever the terminal can show
    assert json.loads(result.stdout)[0]["source"] == str(scans / "Scan at 9\u202fam.png")


def test_the_output_folder_inside_the_input_folder_is_refused(scans: Path) -> None:
    result = run("restore", scans, "-o", scans / "out")
    assert result.exit_code == 1
    assert f"{scans}: the output folder {scans / 'out'} lies inside it" in result.stderr
    assert not (scans / "out").exists()


def test_names_that_meet_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        Image.fromarray(portrait()).save(tmp_path / name)
    result = run("restore", tmp_path, "--ext", "png", "--skip", "repair,denoise")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"failed    {tmp_path / 'a.jpg'}: its result")
    assert (tmp_path / "a_restored.png").exists()


def test_inputs_and_extension_and_suffix_as_options(scans: Path, tmp_path: Path) -> None:
    result = run(
        "restore", "-i", scans / "lake.png", "-i", scans / "1931", "-o", tmp_path / "out",
        "--ext", ".TIF", "--suffix", "-new", "--only", "denoise", "--denoise", "0.5",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["aunt-new.TIF", "lake-new.TIF"]
    assert "denoise" in result.stdout


@pytest.mark.parametrize("suffix", ["_new", ""])
def test_results_of_an_earlier_run_are_no_scans_whatever_the_suffix(
    scans: Path, tmp_path: Path, suffix: str
) -> None:
    earlier = scans / "lake_restored.png"
    (scans / "lake.png").rename(earlier)
    wanted = ("-o", tmp_path / "out", "--suffix", suffix, "--only", "denoise")
    result = run("restore", scans, *wanted)
    assert result.exit_code == 0, result.output
    assert f"skipped   {earlier}: a result of an earlier run" in result.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1931"]
    assert f"skipped   {earlier}" in run("diagnose", scans, "--only", "denoise").stdout
    told = json.loads(run("diagnose", scans, "--only", "denoise", "--json").stdout)
    assert [one["source"] for one in told] == [str(scans / "1931" / "aunt.jpg")]
    named = run("restore", earlier, *wanted)  # by itself it is taken
    assert named.exit_code == 0, named.output


def test_a_photo_that_cannot_be_read_stops_no_other(scans: Path, tmp_path: Path) -> None:
    locked = scans / "locked.png"
    (scans / "lake.png").rename(locked)
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("whoever runs this may read everything")
    result = run(
        "restore", locked, scans / "1931" / "aunt.jpg", "-o", tmp_path, "--only", "denoise"
    )
    assert result.exit_code == 1
    assert "no permission" in result.output
    assert (tmp_path / "aunt_restored.jpg").exists()


def test_a_dry_run_tells_and_writes_nothing(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("restore", scans, "-o", out, "--dry-run", "--report", "html", "--force", "denoise")
    assert result.exit_code == 0, result.output
    assert f"{scans / 'lake.png'} -> {out / 'lake_restored.png'}" in result.stdout
    assert f"and {out / 'lake_report.html'}" in result.stdout
    assert "forced" in result.stdout
    assert not out.exists()


def test_a_dry_run_names_what_would_be_written(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :96]
    colours = np.stack((2 * x, 3 * y, 200 - x), axis=-1).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "meadow.png")
    Image.fromarray(colours).convert("L").save(tmp_path / "grey.png")
    (tmp_path / "notes.txt").touch()
    asked = ("--dry-run", "--colourise", "--variants", "2", "--only", "colourise")
    result = run("restore", tmp_path, *asked)
    assert result.exit_code == 0, result.output
    assert "meadow_restored.png" in result.stdout
    assert "meadow-colour1" not in result.stdout  # it has colours already
    assert "grey-colour1_restored.png" in result.stdout
    assert result.stdout.count(" other file") == 1
    assert "1 other file ignored\n" in result.stdout


def test_a_dry_run_plans_what_needs_overwrite_as_well(scans: Path) -> None:
    (scans / "lake_restored.png").write_bytes(b"precious")
    asked = ("restore", scans / "lake.png", scans / "1931", "--dry-run", "--only", "denoise")
    result = run(*asked)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    there = f"  but its result {scans / 'lake_restored.png'} is already there; overwrite it"
    assert result.stdout.count(there) == 1
    assert result.stdout.count("  denoise    ") == 2  # both are measured
    assert "but its" not in run(*asked, "--overwrite").stdout
    (scans / "empty.png").touch()
    (scans / "empty_restored.png").touch()
    assert run("restore", scans / "empty.png", "--dry-run").exit_code == 1


def test_quiet_shows_errors_only(scans: Path) -> None:
    (scans / "empty.jpg").touch()
    result = run("restore", scans, "-q", "--skip", "repair,denoise")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"failed    {scans / 'empty.jpg'}: the file is empty\n"


def test_a_photo_larger_than_the_limit_is_refused(scans: Path) -> None:
    result = run("restore", scans / "lake.png", "--max-megapixels", "0.01")
    assert result.exit_code == 1
    assert "more than the limit of 0.01; raise it with --max-megapixels\n" in result.stderr
    Image.new("L", (192, 192)).save(scans.parent / "mask.png")
    mask = ("--mask", scans.parent / "mask.png")
    masked = run("restore", scans / "lake.png", *mask, "--max-megapixels", "0.01")
    assert masked.exit_code == 1
    assert masked.stderr.endswith("the limit of 0.01; raise it with --max-megapixels\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a photo"),
        (["x.jpg", "--only", "polish"], "there are: repair, denoise"),
        (["x.jpg", "--skip", "repair,polish"], "unknown stage 'polish'"),
        (["x.jpg", "--force", "polish"], "unknown stage 'polish'"),
        (["x.jpg", "--fill", "putty"], "there are: learned"),
        (["x.jpg", "--ext", "bmp"], "there are: avif"),
        (["x.jpg", "--report", "pdf"], "there are: html, json"),
        (["x.jpg", "--denoise", "1.5"], "--denoise"),
        (["x.jpg", "--mask-mode", "xor"], "--mask-mode"),
        (["x.jpg", "--licence", "mine"], "--licence"),
        (["x.jpg", "--mask-mode", "replace"], "--mask-mode replace needs a mask"),
        (["x.jpg", "--mask-mode", "subtract"], "--mask-mode subtract needs a mask"),
        (["x.jpg", "--tile", "16"], "192"),
        (["x.jpg", "--threads", "0"], "--threads"),
        (["x.jpg", "--threads", "1025"], "1024"),
        (["x.jpg", "--threads", "99999999999"], "1024"),
        (["x.jpg", "-o", "new.jpg"], "names a folder"),
        (["x.jpg", "--polish"], "--polish"),
        (["x.jpg", "--only", "repair", "--hint", "1,2,#aabbcc"], "--hint has no effect: --only"),
        (["x.jpg", "--only", "repair", "--colourise"], "leaves the stage colourise out"),
        (["x.jpg", "--skip", "colourise", "--colourise"], "--colourise has no effect: --skip"),
        (["x.jpg", "--skip", "tone", "--neutral"], "--neutral has no effect: --skip leaves"),
        (["x.jpg", "--skip", "faces", "--faces", "1"], "--faces has no effect: --skip leaves"),
        (["x.jpg", "--colour-seed", "3"], "--colour-seed needs --colourise or --hint"),
        (["x.jpg", "--variants", "3"], "ask for them with --colourise"),
        (["x.jpg", "--colour-model", "x.onnx"], "needs --colourise"),
        (["x.jpg", "--vivid", "1"], "--vivid needs --upscale"),
        (["x.jpg", "--only", "denoise", "--fill", "telea"], "--fill has no effect"),
        (["x.jpg", "--only", "denoise", "--fidelity", "0.5"], "leaves the stage faces out"),
        (["x.jpg", "--only", "denoise", "--upscale", "2"], "--upscale has no effect"),
        (["x.jpg", "--only", "repair", "--faces", "7"], "--faces has no effect"),
        (["x.jpg", "--only", "repair", "--tone", "0.5"], "--tone has no effect"),
        (["x.jpg", "--only", "repair", "--force", "denoise"], "denoise is forced, and only"),
        (["x.jpg", "--only", "denoise", "--skip", "denoise"], "no stage is left to run"),
        (["x.jpg", "--force", "denoise", "--skip", "denoise"], "denoise is forced, and skip"),
        ([""], "an empty word among the arguments"),
        (["--", ""], "an empty word among the arguments"),
        (["--", "--output=", ""], "an empty word among the arguments"),
        (["x.jpg", "-o", ""], "an empty word after -o"),
        (["x.jpg", "--output="], "an empty word after --output"),
        (["--input="], "an empty word after --input"),
        (["x.jpg", "--force", "repair", "--repair", "0"], "repair is forced, and repair 0"),
        (["x.jpg", "--force", "tone", "--tone", "0"], "tone is forced, and tone 0 switches"),
        (["x.jpg", "--force", "faces", "--fidelity", "1"], "faces is forced, and fidelity 1"),
        (["x.jpg", "--colourise", "--skip", "colourise", "--variants", "2"], "has no effect"),
        (["x.jpg", "--only", ","], "a list of names is empty"),
        (["x.jpg", "--upscale-model", "mine"], "--upscale-model needs --upscale"),
        (["x.jpg", "--colourise", "--colour-seed", "4294967295", "--variants", "2"], "a seed is"),
    ],
)
def test_what_cannot_be_asked_for_is_a_usage_error(arguments: list[str], words: str) -> None:
    result = run("restore", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_diagnose_prints_findings_and_writes_nothing(scans: Path) -> None:
    before = sorted(scans.rglob("*"))
    result = run("diagnose", scans)
    assert result.exit_code == 0, result.output
    assert f"{scans / 'lake.png'}  192 x 192, 8 bit, png" in result.stdout
    assert "damaged area" in result.stdout
    assert "acts from" in result.stdout
    assert sorted(scans.rglob("*")) == before


def test_diagnose_as_json_is_json_even_with_a_bad_file(scans: Path) -> None:
    (scans / "empty.jpg").touch()
    result = run("diagnose", scans, "--json", "--only", "denoise")
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    assert [Path(value["source"]).name for value in values] == ["lake.png", "aunt.jpg"]
    assert [finding["stage"] for finding in values[0]["findings"]] == ["denoise"]
    assert "the file is empty" in result.stderr
