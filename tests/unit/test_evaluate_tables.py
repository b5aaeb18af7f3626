"""Tables and the results page."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest

from resilver.evaluate.results import Stamp, read_commit, replace_section
from resilver.evaluate.tables import figure, markdown_table, median_and_spread


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_table_lines_up_and_escapes() -> None:
    table = markdown_table(["what", "dB"], [["a|b", "1.50"], ["telea", "21.79"]])
    assert table.splitlines() == [
        "| what  |    dB |",
        "| :---- | ----: |",
        "| a\\|b  |  1.50 |",
        "| telea | 21.79 |",
    ]
    with pytest.raises(ValueError, match="2 cells"):
        markdown_table(["one"], [["a", "b"]])


def test_figures() -> None:
    assert figure(1.005, 1) == "1.0"
    assert figure(math.inf) == "∞"
    assert figure(math.nan) == "-"
    assert median_and_spread([3.0, 1.0, 2.0]) == "2.00 (1.00 to 3.00)"


def test_a_section_is_added_then_replaced_and_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nBy hand.\n", "utf-8")
    replace_section(page, "harm", "old harm")
    replace_section(page, "repair", r"repair \1 stays as typed")
    replace_section(page, "harm", "new harm\n")
    text = page.read_text("utf-8")
    assert text.startswith("# Results\n\nBy hand.\n")
    assert "old harm" not in text
    assert text.count("<!-- harm: begin -->\nnew harm\n<!-- harm: end -->") == 1
    assert r"repair \1 stays as typed" in text
    assert text.index("harm: begin") < text.index("repair: begin")
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]


def test_a_page_that_does_not_exist_yet_is_made(tmp_path: Path) -> None:
    replace_section(tmp_path / "new.md", "speed", "fast")
    expected = "<!-- speed: begin -->\nfast\n<!-- speed: end -->\n"
    assert (tmp_path / "new.md").read_text("utf-8") == expected


def test_commit_says_when_files_differ_but_not_for_the_results(tmp_path: Path) -> None:
    assert read_commit(tmp_path) == "unknown"
    git(tmp_path, "init", "-q")
    (tmp_path / "benchmarks").mkdir()
    for name in ("code.py", "benchmarks/RESULTS.md"):
        (tmp_path / name).write_text("1", "utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = read_commit(tmp_path)
    assert len(commit) == 7
    (tmp_path / "benchmarks" / "RESULTS.md").write_text("2", "utf-8")
    assert read_commit(tmp_path) == commit
    (tmp_path / "code.py").write_text("2", "utf-8")
    assert read_commit(tmp_path) == f"{commit}+"


def test_stamp_names_what_was_measured() -> None:
    line = Stamp.now(Path(__file__).parents[2]).line()
    for word in (
        "Commit ",
        " UTC",
        " cores",
        "numpy ",
        "onnxruntime ",
        "damage ",
        "denoise ",
        "fill ",
    ):
        assert word in line
