"""A worker as a process of its own: python worker_process.py FOLDER DATABASE GRACE_S SLOTS."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from running_services import settings_in

from resilver.commands import serving

if __name__ == "__main__":
    folder, database, grace_s, slots = sys.argv[1:]
    settings = settings_in(Path(folder), database)
    sys.exit(serving.work(replace(settings, grace_s=float(grace_s), slots=int(slots))))
