"""The documentation: its Python runs, its links lead somewhere, its commands and options exist."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from typer.main import get_command

from resilver.cli import app
from resilver.photo import Photo

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# The API guide needs a service: tests/service/test_service_commands.py runs it.
RUN_PAGES = [page for page in PAGES if page.name not in ("CONTRIBUTING.md", "api.md")]
PHOTO_SIZE = (96, 120)  # of the photos that the pages find in their folder

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)$")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
_IMAGE_TAG = re.compile(r"<(?:img|a)\b[^>]*?(?:src|href)=\"(?P<target>[^\"]+)\"")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_GLOBAL = {"--version", "--help", "-h", "--install-completion", "--show-completion"}
_BREAKS = {"|", "&&", "||", ";", ">", "2>"}


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    info: str  # "python", "python no-run", "sh", ""
    line: int  # of its first line of text, from 1
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page; a fence that is not closed is an error."""
    found: list[Block] = []
    inside: tuple[str, str, int] | None = None
    held: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if inside is None:
            if fence is not None:
                inside = (fence["ticks"], fence["info"].strip(), number + 1)
                indent, held = len(fence["indent"]), []
        elif fence is not None and fence["ticks"] == inside[0] and not fence["info"].strip():
            found.append(Block(inside[1], inside[2], "\n".join(held) + "\n"))
            inside = None
        else:
            held.append(line[indent:] if line[:indent].isspace() else line)
    assert inside is None, f"{name_of(page)}: the block of line {inside[2]} is not closed"
    return found


def prose_of(page: Path) -> str:
    """A page without its fenced blocks."""
    lines: list[str] = []
    ticks = ""
    for line in page.read_text("utf-8").splitlines():
        fence = _FENCE.match(line)
        if fence is not None and (not ticks or fence["ticks"] == ticks):
            ticks = "" if ticks else fence["ticks"]
            continue
        if not ticks:
            lines.append(line)
    return "\n".join(lines)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a photo under the two names that the pages use; programs run in it."""
    height, width = PHOTO_SIZE
    rng = np.random.default_rng(4)
    coarse = rng.random((4, 5, 3), np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 140 + 50
    image += rng.normal(0, 2, image.shape)
    levels = np.clip(image, 0, 230).astype(np.uint8)
    cv2.line(levels, (15, 20), (105, 75), (255, 255, 255), 2)
    for name in ("photo.png", "grandmother.tif"):
        Photo.from_array(levels).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", RUN_PAGES, ids=name_of)
def test_the_python_of_a_page_runs(page: Path, desk: Path) -> None:
    assert (desk / "photo.png").is_file()
    namespace: dict[str, Any] = {"__name__": "docs"}
    for block in blocks_of(page):
        if block.info == "python":
            # Empty lines before it: a traceback then names the line of the page.
            source = "\n" * (block.line - 1) + block.text
            exec(compile(source, name_of(page), "exec"), namespace)


def test_there_is_python_to_run_and_every_block_says_what_it_is() -> None:
    running = 0
    for page in PAGES:
        for block in blocks_of(page):
            kind = block.info
            assert kind in ("python", "python no-run", "sh", "text", "toml", "json"), (
                f"{name_of(page)} line {block.line - 1}: {kind!r}"
            )
            running += kind == "python"
    assert running >= 15


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    prose = prose_of(page)
    targets = [match["target"] for match in (*_LINK.finditer(prose), *_IMAGE_TAG.finditer(prose))]
    for target in targets:
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / unquote(path)).resolve() if path else page
        assert there.is_relative_to(ROOT), f"{target} leaves the project"
        assert there.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in anchors_of(there), f"{target}: no such heading"


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", prose_of(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_and_option_exists(page: Path) -> None:
    for words in commands_of(page):
        refusal = refuse(words)
        assert refusal is None, f"{name_of(page)}: resilver {' '.join(words)}: {refusal}"
    known = _GLOBAL | {name for command in every_command() for name in options_of(command)}
    for span in _SPAN.findall(prose_of(page)):
        if span.startswith("--") and "=" not in span:
            option = span.split()[0].split("/")[0]
            assert option in known, f"{name_of(page)}: no command has {option}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["restore", "a.jpg", "--fill", "telea", "-o", "out"], None),
        (["models", "list"], None),
        (["--version"], None),
        (["restor", "a.jpg"], "no such command"),
        (["models", "fetch"], "no such command"),
        (["restore", "--denoize", "0.5"], "no option --denoize"),
        (["diagnose", "--fill", "telea"], "no option --fill"),
    ],
)
def test_what_does_not_exist_is_noticed(words: list[str], said: str | None) -> None:
    assert refuse(words) == said


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words after `resilver` wherever a page shows it as a command."""
    texts = [block.text for block in blocks_of(page) if not block.info.startswith("python")]
    texts += _SPAN.findall(prose_of(page))
    for text in texts:
        for line in text.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|[\s/]|-m )resilver(?:\.cli)?\s+([^\s].*)$", line)
            if found is None or line.lstrip().startswith("#"):
                continue
            words: list[str] = []
            for word in shlex.split(found[1], comments=True):
                if word in _BREAKS:
                    break
                words.append(word)
            # "`resilver` 0.1.0" and "resilver COMMAND" speak of it, they do not run it.
            if words and not words[0].isupper() and not words[0][0].isdigit():
                yield words


def refuse(words: list[str]) -> str | None:
    """Why the command line would not take these words; None if it would."""
    command: Any = get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        if rest and rest[0] in _GLOBAL:
            return None
        if not rest or rest[0] not in command.commands:
            return "no such command"
        command = command.commands[rest.pop(0)]
    known = options_of(command) | {"--help", "-h"}
    for word in rest:
        if re.match(r"--?[A-Za-z]", word) and word.partition("=")[0] not in known:
            return f"no option {word.partition('=')[0]}"
    return None


def every_command(command: Any = None) -> Iterator[Any]:
    command = get_command(app) if command is None else command
    if hasattr(command, "commands"):
        for below in command.commands.values():
            yield from every_command(below)
    else:
        yield command


def options_of(command: Any) -> set[str]:
    names = (name for one in command.params for name in (*one.opts, *one.secondary_opts))
    return {name for name in names if name.startswith("-")}


def test_the_examples_run(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, *arguments in (
        ("restore_folder.py", ".", "out"),
        ("own_mask.py", "photo.png", "masked.png", "--paler-than", "250"),
    ):
        path = ROOT / "examples" / name
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        runpy.run_path(str(path), run_name="__main__")
    original, masked = Photo.open("photo.png"), Photo.open("masked.png")
    assert Photo.open("out/photo_restored.png").size == original.size == PHOTO_SIZE
    assert "<!doctype html>" in (desk / "out" / "photo_report.html").read_text("utf-8")
    line = (original.pixels == 255).all(axis=2)
    assert (masked.pixels[line].min(axis=1) < 250).mean() > 0.5  # the white line is gone
    far = cv2.dilate(line.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    np.testing.assert_array_equal(masked.pixels[far], original.pixels[far])


def test_the_examples_replace_no_files(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "out").mkdir()
    for mine in ("out/photo_report.html", "masked.png"):
        Path(mine).write_bytes(b"mine")
    example = ROOT / "examples" / "own_mask.py"
    monkeypatch.setattr(sys, "argv", [str(example), "photo.png", "masked.png"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(example), run_name="__main__")
    example = ROOT / "examples" / "restore_folder.py"
    monkeypatch.setattr(sys, "argv", [str(example), ".", "out"])
    runpy.run_path(str(example), run_name="__main__")
    told = capsys.readouterr()
    assert "masked.png is there already" in told.err
    assert f"left out: {Path('out/photo_report.html')}: it is there already" in told.out
    for mine in ("out/photo_report.html", "masked.png"):
        assert Path(mine).read_bytes() == b"mine"
