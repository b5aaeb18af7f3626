"""What the command `resilver` starts: the command line, guarded while it is being loaded.

Loading takes a moment, and Ctrl-C within it is no fault to trace; so nothing else is imported here.
"""

import sys


def main() -> None:
    """Loads the command line and runs it."""
    try:
        from resilver.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.stderr.write("resilver: stopped\n")
        sys.exit(130)  # as shells report a command that was stopped by Ctrl-C


if __name__ == "__main__":
    main()
