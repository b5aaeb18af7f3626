"""What each command does, one file a command; `resilver.cli` only reads the command line."""

INTERRUPTED = 130  # exit code, as shells report a command that was stopped by Ctrl-C
