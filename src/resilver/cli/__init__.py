"""The command line: one command a library call. Heavy imports happen inside the commands."""

from resilver.cli import models, photos, service, training
from resilver.cli.app import app, main

# The modules are named because loading them adds their commands to the app.
__all__ = ["app", "main", "models", "photos", "service", "training"]
