"""What the command `resilver` starts: the command line, guarded while it is being loaded.

Loading takes a moment, and Ctrl-C within it is no fault to trace; so nothing else is imported here.
"""

import signal
import sys

_STOPPING = ("SIGTERM", "SIGHUP")  # of a system that shuts down, of a terminal that is closed


def main() -> None:
    """Loads the command line and runs it."""
    for name in _STOPPING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # `nohup` ignores it
            # As Ctrl-C, so that nothing half-written is left behind.
            signal.signal(number, signal.default_int_handler)
    try:
        from resilver.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.stderr.write("resilver: stopped\n")
        sys.exit(130)  # as shells report a command that was stopped by Ctrl-C


if __name__ == "__main__":
    main()
