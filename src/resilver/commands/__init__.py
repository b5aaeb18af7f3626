"""What each command does, one file a command; `resilver.cli` only reads the command line."""
