"""What self-contained pages share: their files, and the policy that keeps everything else out."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files


def part(name: str, package: str = "resilver.reporting") -> str:
    """The text of a file in a package: "page.css"."""
    return files(package).joinpath(name).read_text("utf-8")


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy of a page with this style and script and pictures inside.

    Nothing is loaded from anywhere, and no other text of the page can run.
    """
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def data_uri(data: bytes, kind: str) -> str:
    """An encoded picture as it stands in a page; `kind`: "jpeg", "png", "webp"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
