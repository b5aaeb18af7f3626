"""What a person at a terminal sees: lines, errors, a progress bar where there is a terminal."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from resilver.reporting.words import printable

Advance = Callable[[float, str], None]  # (share of the whole run 0..1, what is going on)


# Nobody reads on, or the stream was closed from the start: that is somebody's wish.
_GONE = (errno.EPIPE, errno.EBADF)


class _Console(Console):
    """A console that may fail (`resilver ... | head`, a full disk) without ending the run."""

    lost: OSError | None = None  # what kept words from somebody who waits for them

    def on_broken_pipe(self) -> None:
        self.quiet = True
        # What is buffered still goes out when Python ends, and must not fail then.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)

    @contextmanager
    def unless_gone(self) -> Generator[None]:
        """For what is written within: nothing, from where it cannot be written any more."""
        try:
            yield
        except OSError as error:
            self.on_broken_pipe()
            if error.errno not in _GONE:
                self.lost = error


class Screen:
    """Results go to standard output; errors and the progress bar to standard error.

    Where nobody reads one of them any more, the run goes on without it: the photos matter.

    Args:
        quiet: show errors only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._out = _Console(highlight=False)
        self._err = _Console(highlight=False, stderr=True)

    def line(self, words: str, verdict: str = "", style: str = "") -> None:
        """One line, never broken; a verdict before it lines up with those of other lines."""
        if not self.quiet:
            with self._out.unless_gone():
                self._out.print(_line(words, verdict, style), soft_wrap=True)

    def text(self, text: str) -> None:
        """Text for another program, exactly as it is."""
        with self._out.unless_gone():
            self._out.file.write(text)
            self._out.file.flush()

    def code(self, code: int) -> int:
        """The exit code of a command: not 0 where what it had to tell could not be written."""
        lost = self._out.lost
        if lost is None:
            return code
        self.error(f"standard output cannot be written: {lost.strerror}")
        return code or 1

    def error(self, words: str, verdict: str = "failed") -> None:
        """One line on standard error."""
        with self._err.unless_gone():
            self._err.print(_line(words, verdict, "bold red"), soft_wrap=True)

    def show(self, picture: RenderableType) -> None:
        """A table or the like."""
        if not self.quiet:
            with self._out.unless_gone():
                self._out.print(picture)

    @contextmanager
    def progress(self) -> Generator[Advance]:
        """A bar with the time left, as long as the block runs; nothing where there is no terminal.

        Lines printed meanwhile appear above the bar.
        """
        if self.quiet or not _is_terminal(sys.stderr):
            yield lambda _share, _words: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(
            *columns,
            console=self._err,
            transient=True,
            # Lines that go to a file must go there, not above the bar.
            redirect_stdout=_is_terminal(sys.stdout),
            speed_estimate_period=300.0,
        ) as bar:
            task = bar.add_task("", total=1.0)

            def advance(share: float, words: str) -> None:
                bar.update(task, completed=share, description=_shortened(printable(words)))

            yield advance


def _is_terminal(stream: TextIO | None) -> bool:
    """Not where the process was started with the stream closed: then there is none."""
    return stream is not None and stream.isatty()


def _line(words: str, verdict: str, style: str) -> Text:
    line = Text(printable(words))
    return Text.assemble((f"{verdict:<9} ", style), line) if verdict else line


def _shortened(words: str, longest: int = 44) -> str:
    return words if len(words) <= longest else f"…{words[1 - longest :]}"
