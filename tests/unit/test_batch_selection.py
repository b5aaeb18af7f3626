"""Which files a batch takes and what their results are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from making_photos import pillow_bytes
from resilver.batch import Naming, Selection, select
from resilver.batch.selection import Done
from resilver.errors import OptionError


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A shoebox: photos, a sub-folder, and what else lies about in folders."""
    root = tmp_path / "scans"
    for name in (
        "b.jpg", "A.TIF", "1931/lake.png", "1931/deep/raw.CR2", "notes.txt", "list.csv",
        ".hidden.jpg", ".thumbnails/x.jpg", "b_restored.jpg",
    ):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def _sources(selection: Selection, root: Path) -> list[str]:
    return [one.source.relative_to(root).as_posix() for one in selection.assignments]


def test_a_folder_is_searched_with_its_sub_folders(scans: Path, tmp_path: Path) -> None:
    selection = select([scans], Naming(tmp_path / "out"))
    assert _sources(selection, scans) == ["A.TIF", "b.jpg", "1931/lake.png", "1931/deep/raw.CR2"]
    assert selection.refusals == ()


def test_other_files_are_counted_and_results_of_earlier_runs_named(scans: Path) -> None:
    selection = select([scans], Naming())
    assert selection.ignored == 3  # two texts and a hidden file; hidden folders are not entered
    assert selection.results == (scans / "b_restored.jpg",)


def test_sub_folders_are_mirrored_below_the_output_folder(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    selection = select([scans], Naming(out))
    assert [one.target.relative_to(out).as_posix() for one in selection.assignments] == [
        "A_restored.TIF",
        "b_restored.jpg",
        "1931/lake_restored.png",
        "1931/deep/raw_restored.tif",
    ]


def test_without_an_output_folder_results_lie_beside_their_scans(scans: Path) -> None:
    (scans / "b_restored.jpg").unlink()
    targets = {one.source.name: one.target for one in select([scans], Naming()).assignments}
    assert targets["b.jpg"] == scans / "b_restored.jpg"
    assert targets["lake.png"] == scans / "1931" / "lake_restored.png"


def test_a_name_of_dots_is_a_name(tmp_path: Path) -> None:
    for name in ("..png", "....jpg", "good.png"):
        (tmp_path / name).write_bytes(b"x")
    selection = select([tmp_path / name for name in ("..png", "....jpg", "good.png")], Naming())
    assert _sources(selection, tmp_path) == ["..png", "....jpg", "good.png"]
    assert len({one.target for one in selection.assignments}) == 3


def test_a_named_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    names = ["scan", "list.txt", "x_restored.jpg", ".hidden.jpg", "film.gif", "missing.jpg"]
    for name in names[:-1]:
        (tmp_path / name).write_bytes(b"x")
    selection = select([tmp_path / name for name in names], Naming(tmp_path / "out"))
    assert [one.target.name for one in selection.assignments] == [
        "scan_restored.png",
        "list_restored.png",
        "x_restored_restored.jpg",
        ".hidden_restored.jpg",
        "film_restored.png",
        "missing_restored.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "form", "result"),
    [
        ("wrong.jpg", "TIFF", "wrong_restored.tif"),
        ("wrong.jpg", "PNG", "wrong_restored.png"),
        ("wrong.CR2", "JPEG", "wrong_restored.jpg"),
        ("scan", "JPEG", "scan_restored.jpg"),
        ("scan.001", "WEBP", "scan.001_restored.webp"),
        ("film.jpg", "GIF", "film_restored.png"),
        ("right.JPEG", "JPEG", "right_restored.JPEG"),
        ("right.TIF", "TIFF", "right_restored.TIF"),
        ("shot.nef", "TIFF", "shot_restored.tif"),  # camera RAW is told by its name
    ],
)
def test_a_result_is_called_after_what_its_scan_is(
    tmp_path: Path, name: str, form: str, result: str
) -> None:
    (tmp_path / name).write_bytes(pillow_bytes(Image.new("RGB", (8, 8)), form))
    (named,) = select([tmp_path / name], Naming()).assignments
    assert named.target == tmp_path / result
    (asked,) = select([tmp_path / name], Naming(extension=".webp")).assignments
    assert asked.target.suffix == ".webp"


def test_a_photo_with_a_wrong_name_is_done_when_its_result_is_there(tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    for folder in (scans, out):
        folder.mkdir()
    (scans / "wrong.jpg").write_bytes(pillow_bytes(Image.new("RGB", (8, 8)), "TIFF"))
    (out / "wrong_restored.jpg").write_bytes(b"of another photo")
    assert len(select([scans], Naming(folder=out)).assignments) == 1
    (out / "wrong_restored.tif").write_bytes(b"y")
    (done,) = select([scans], Naming(folder=out)).done
    assert done == Done(scans / "wrong.jpg", out / "wrong_restored.tif")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (pipe,) = select([tmp_path / "pipe.jpg"], Naming()).assignments
    assert pipe.target.name == "pipe_restored.jpg"


def test_names_that_are_too_long_are_left_to_the_reader(tmp_path: Path) -> None:
    long = tmp_path / ("a" * 300 + ".jpg")
    selection = select([long], Naming(tmp_path / ("b" * 300)))
    assert [one.source for one in selection.assignments] == [long]


def test_a_file_in_a_folder_that_may_not_be_entered_is_left_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    really = os.stat

    def refuse(path: str | Path, **how: bool) -> os.stat_result:
        if closed in Path(path).parents:
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)  # what the system says to anybody but root
    selection = select([closed / "a.jpg"], Naming(closed / "out"))
    assert [one.source for one in selection.assignments] == [closed / "a.jpg"]


def test_images_that_cannot_be_read_are_taken_to_be_told_about(tmp_path: Path) -> None:
    (tmp_path / "old.bmp").write_bytes(b"BM")
    assert len(select([tmp_path], Naming()).assignments) == 1


def test_a_photo_met_twice_is_taken_once(scans: Path) -> None:
    (scans / "link.jpg").symlink_to(scans / "b.jpg")
    given = [scans / "b.jpg", scans, scans / "1931" / ".." / "b.jpg"]
    names = [one.source.name for one in select(given, Naming(scans.parent / "out")).assignments]
    assert names.count("b.jpg") + names.count("link.jpg") == 1
    # Nobody misses a photo of an album without a word; one that is named twice is no link.
    assert select(given, Naming()).twins == ((scans / "link.jpg", scans / "b.jpg"),)
    assert select(given[:1] * 2, Naming()).twins == ()


def test_a_photo_goes_before_the_links_to_it(scans: Path, tmp_path: Path) -> None:
    """Under its own name and in its own folder, whichever is met first."""
    out, link, further = tmp_path / "out", scans / "0-link.jpg", tmp_path / "z.jpg"
    for one in (link, further):
        one.symlink_to(scans / "1931" / "lake.png")
    lake = (scans / "1931" / "lake.png", out / "1931" / "lake_restored.png")
    for given in ([scans], [link, scans], [further, scans], [scans, link, link, link]):
        selection = select(given, Naming(out))
        made = [(one.source, one.target) for one in selection.assignments]
        assert made.count(lake) == 1
        assert not {link, further} & {source for source, _ in made}
        assert len(made) == 4
        assert selection.twins.count((link, lake[0])) == 1
    # Of a photo that is not met itself, the first link is taken.
    both = select([further, link], Naming(out))
    assert [one.source for one in both.assignments] == [further]
    assert both.twins == ((link, further),)


def test_what_is_named_twice_is_counted_once(scans: Path) -> None:
    selection = select([scans, scans], Naming())
    assert len(selection.assignments) == 3
    assert selection.results == (scans / "b_restored.jpg",)
    assert selection.ignored == 3


def test_a_photo_without_an_ending_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    for name in ("scan", ".hidden"):
        (tmp_path / name).write_bytes(pillow_bytes(Image.new("RGB", (8, 8)), "JPEG"))
    (tmp_path / "README").write_text("found in the attic")
    (tmp_path / "empty").touch()
    selection = select([tmp_path], Naming())
    assert [one.target.name for one in selection.assignments] == ["scan_restored.jpg"]
    assert selection.ignored == 3
    assert len(select([tmp_path / "README"], Naming()).assignments) == 1  # the reader says why not


@pytest.mark.parametrize("name", ["12.06.1952", "Aunt Mrs. Smith", "p.jpg_large"])
def test_what_follows_a_dot_in_a_name_need_not_be_an_ending(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pillow_bytes(Image.new("RGB", (8, 8)), "JPEG"))
    (tmp_path / "notes.1952").write_text("found in the attic")
    selection = select([tmp_path], Naming(reports=("html",)))
    assert [one.target.name for one in selection.assignments] == [f"{name}_restored.jpg"]
    assert [one.name for one in selection.assignments[0].results[0].files][1:] == [
        f"{name}_report.html"
    ]
    assert selection.ignored == 1


def test_colourings_that_are_missing_are_named(tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    for folder in (scans, out):
        folder.mkdir()
    (scans / "a.jpg").write_bytes(b"x")
    for name in ("a_restored.jpg", "a-colour1_restored.jpg"):
        (out / name).write_bytes(b"y")
    (two,) = select([scans], Naming(folder=out, seeds=(0, 1))).done
    assert two.missing == ()
    (three,) = select([scans], Naming(folder=out, seeds=(0, 1, 2))).done
    assert three.missing == (out / "a-colour2_restored.jpg",)


def test_a_link_to_a_folder_is_not_followed_round_and_round(scans: Path) -> None:
    (scans / "1931" / "again").symlink_to(scans)
    assert len(select([scans], Naming(scans.parent / "out")).assignments) == 4


def test_photos_in_linked_folders_are_taken(scans: Path, tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "summer").mkdir(parents=True)
    (album / "summer" / "sea.jpg").write_bytes(b"x")
    (album / "back").symlink_to(scans)
    (scans / "0-linked").symlink_to(album)
    (scans / "0-again").symlink_to(scans / "1931")
    (scans / "1931" / "album").symlink_to(album)
    (scans / ".secret").symlink_to(album)
    out = tmp_path / "out"
    selection = select([scans], Naming(out))
    # The real folder first: its photos keep their place, whatever the link is called.
    assert _sources(selection, scans) == [
        "A.TIF", "b.jpg", "1931/lake.png", "1931/deep/raw.CR2", "0-linked/summer/sea.jpg"
    ]  # fmt: skip
    assert selection.assignments[-1].target == out / "0-linked" / "summer" / "sea_restored.jpg"


def test_a_link_to_the_output_folder_brings_no_results_back(scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "out"
    out.mkdir(parents=True)
    (out / "b.jpg").write_bytes(b"y")
    (scans / "out").symlink_to(out)
    selection = select([scans], Naming(out, suffix="", overwrite=True))
    assert (len(selection.assignments), selection.refusals) == (4, ())
    assert selection.results == (scans / "b_restored.jpg",)  # by the usual suffix
    (scans / "results").symlink_to(tmp_path / "results")
    selection = select([scans], Naming(out, suffix="", overwrite=True))
    assert len(selection.assignments) == 4
    # Nothing failed: no photo is missing by it.
    assert (selection.refusals, selection.round_links) == ((), (scans / "results",))


def test_the_output_folder_must_not_lie_inside_a_searched_folder(scans: Path) -> None:
    photo = scans / "b.jpg"
    other = scans.parent / "other.jpg"
    other.write_bytes(b"x")
    selection = select([scans, other], Naming(scans / "1931" / "out"))
    assert [one.source for one in selection.assignments] == [other]
    (refusal,) = selection.refusals
    assert refusal.words.startswith(f"{scans}: the output folder {scans / '1931' / 'out'} lies")
    # A photo that is named is no folder that is searched.
    assert len(select([photo], Naming(scans / "out")).assignments) == 1


def test_the_output_folder_hidden_behind_a_link_is_seen(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(scans / "1931")
    assert select([scans], Naming(tmp_path / "out")).assignments == ()


def test_the_folder_itself_as_output_is_like_none(scans: Path) -> None:
    (scans / "b_restored.jpg").unlink()
    assert select([scans], Naming(scans)).assignments == select([scans], Naming()).assignments


def test_two_photos_never_share_a_result(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).write_bytes(b"x")
    selection = select([tmp_path], Naming(extension=".png"))
    assert [one.source.name for one in selection.assignments] == ["a.png"]  # ends like the result
    (refusal,) = selection.refusals
    assert refusal.path.name == "a.jpg"
    assert str(tmp_path / "a.png") in refusal.reason


@pytest.mark.parametrize("other", ["a.bmp", "a.psd"])
def test_an_image_that_is_never_read_stands_in_nobody_s_way(tmp_path: Path, other: str) -> None:
    for name in (other, "a.png"):
        (tmp_path / name).write_bytes(b"x")
    selection = select([tmp_path], Naming())
    assert [one.source.name for one in selection.assignments] == sorted([other, "a.png"])
    assert selection.refusals == ()  # that it cannot be opened shows when it is
    (tmp_path / "a_restored.png").write_bytes(b"x")  # of the PNG: the other one is not done by it
    again = select([tmp_path], Naming())
    assert [one.source.name for one in again.assignments] == [other]
    assert [one.source.name for one in again.done] == ["a.png"]
    assert again.refusals == ()


def test_reports_of_a_result_that_is_replaced_are_written_anew(tmp_path: Path) -> None:
    for name in ("a.png", "a_restored.png", "a_report.json"):
        (tmp_path / name).write_bytes(b"x")
    (one,) = select([tmp_path / "a.png"], Naming(overwrite=True)).assignments
    assert one.results[0].reports == (("json", tmp_path / "a_report.json"),)
    (one,) = select([tmp_path / "a.png"], Naming(overwrite=True, reports=("html",))).assignments
    assert [kind for kind, _ in one.results[0].reports] == ["html", "json"]


def test_overwriting_does_not_let_two_photos_share_a_result(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).write_bytes(b"x")
    assert len(select([tmp_path], Naming(extension=".png", overwrite=True)).refusals) == 1


def test_reports_of_raw_and_jpeg_of_one_shot_have_their_own_names(tmp_path: Path) -> None:
    for name in ("p.jpg", "p.nef", "q.jpg"):
        (tmp_path / name).write_bytes(b"x")
    selection = select([tmp_path], Naming(reports=("html", "json")))
    reports = [[path.name for _, path in one.results[0].reports] for one in selection.assignments]
    assert reports == [
        ["p.jpg_report.html", "p.jpg_report.json"],
        ["p.nef_report.html", "p.nef_report.json"],
        ["q_report.html", "q_report.json"],
    ]


def test_reports_of_one_shot_are_called_the_same_whichever_is_restored(tmp_path: Path) -> None:
    """Else `--overwrite` of one of them would leave its report, and replace that of the other."""
    for name in ("p.jpg", "p.nef", "q.jpg", "q.txt"):
        (tmp_path / name).write_bytes(b"x")
    for name, report in (
        ("p.jpg", "p.jpg_report.html"),
        ("p.nef", "p.nef_report.html"),
        ("q.jpg", "q_report.html"),
    ):
        (one,) = select([tmp_path / name], Naming(reports=("html",))).assignments
        assert [path.name for _, path in one.results[0].reports] == [report]


def test_a_photo_stays_done_when_another_of_its_name_comes(tmp_path: Path) -> None:
    naming = Naming(reports=("html",))
    for name in ("p.jpg", "p.tif", "p_restored.jpg", "p_report.html"):
        (tmp_path / name).write_bytes(b"x")
    selection = select([tmp_path], naming)
    assert [one.source for one in selection.done] == [tmp_path / "p.jpg"]
    assert [one.source.name for one in selection.assignments] == ["p.tif"]
    assert selection.refusals == ()
    (tmp_path / "p_report.html").unlink()
    (half,) = select([tmp_path], naming).refusals
    assert "p_restored.jpg is already there" in half.reason


def test_a_result_that_is_older_than_the_scan_is_of_another_scan(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for folder in ("1950", "1960", "out"):
        (tmp_path / folder).mkdir()
    (out / "a_restored.jpg").write_bytes(b"of 1950")
    (tmp_path / "1960" / "a.jpg").write_bytes(b"x")
    os.utime(out / "a_restored.jpg", (1e9, 1e9))
    selection = select([tmp_path / "1960"], Naming(folder=out))
    assert selection.done == ()
    (refusal,) = selection.refusals
    assert "a_restored.jpg is older than the scan; overwrite it" in refusal.reason
    assert len(select([tmp_path / "1960"], Naming(folder=out, overwrite=True)).assignments) == 1


def test_a_result_that_is_there_is_refused_unless_overwriting(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a_restored.jpg").write_bytes(b"y")
    photo = tmp_path / "a.jpg"
    (refusal,) = select([photo], Naming()).refusals
    assert "already there" in refusal.reason
    assert "--overwrite" in refusal.reason
    assert len(select([photo], Naming(overwrite=True)).assignments) == 1


def test_the_same_command_again_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    for folder in (scans, out):
        folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (scans / name).write_bytes(b"x")
    (out / "a_restored.jpg").write_bytes(b"y")
    again = select([scans], Naming(folder=out))
    assert again.done == (Done(scans / "a.jpg", out / "a_restored.jpg"),)
    assert [one.source for one in again.assignments] == [scans / "b.jpg"]
    assert again.refusals == ()
    anew = select([scans], Naming(folder=out, overwrite=True))
    assert (anew.done, len(anew.assignments)) == ((), 2)
    # A result without its report is not done, and a photo that is named is asked for.
    (half,) = select([scans], Naming(folder=out, reports=("html",))).refusals
    assert "a_restored.jpg is already there" in half.reason
    assert len(select([scans, scans / "a.jpg"], Naming(folder=out)).refusals) == 1


def test_a_report_that_is_there_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a_report.html").write_bytes(b"y")
    (refusal,) = select([tmp_path / "a.jpg"], Naming(reports=("html",))).refusals
    assert "a_report.html is already there" in refusal.reason


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_result_replaces_a_scan(tmp_path: Path, overwrite: bool) -> None:
    first, second = tmp_path / "a.jpg", tmp_path / "a_restored.jpg"
    first.write_bytes(b"x")
    second.write_bytes(b"y")
    same = select([first], Naming(suffix="", overwrite=overwrite))
    assert "would replace a scan" in same.refusals[0].reason
    link = tmp_path / "link.jpg"
    for target in (first, tmp_path / "nowhere"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        linked = select([link], Naming(suffix="", overwrite=overwrite))
        assert "would replace a scan" in linked.refusals[0].reason
    both = select([first, second], Naming(overwrite=overwrite))
    assert both.refusals[0].path == first
    assert "would replace a scan" in both.refusals[0].reason


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"x")
    selection = select([tmp_path], Naming())
    assert selection.refusals[0].words == f"{tmp_path}: no photos were found in this folder"
    assert selection.ignored == 1


@pytest.mark.parametrize(
    ("naming", "words"),
    [
        ({"extension": ".bmp"}, "'bmp'"),
        ({"suffix": "/../x"}, "suffix"),
        ({"folder": Path("holiday.jpg")}, "called like a photo"),
    ],
)
def test_impossible_names_are_refused(naming: dict[str, str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Naming(**naming)  # type: ignore[arg-type]


def test_a_file_is_no_output_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"x")
    with pytest.raises(OptionError, match="is a file"):
        Naming(tmp_path / "out")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="root may read every folder, and so may anybody on Windows",
)
def test_a_folder_that_cannot_be_read_is_named(scans: Path) -> None:
    (scans / "1931").chmod(0)
    try:
        selection = select([scans], Naming())
    finally:
        (scans / "1931").chmod(0o700)
    assert any("cannot be read" in refusal.reason for refusal in selection.refusals)
