"""The page at `/`: a small program for the browser that uses the API as everybody else does.

It is made of files beside this one and asks for nothing from elsewhere, so it works without the
internet, and its policy forbids the browser to load or send anything to another place.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from resilver.service.web.models import About
from resilver.service.web.visitors import is_from_here, service_of
from resilver.stages import STAGES
from resilver.version import __version__

_FILES = Path(__file__).parent / "page"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

router = APIRouter()
page_files = StaticFiles(directory=_FILES)


@router.head("/", include_in_schema=False)
@router.get("/", include_in_schema=False)
def page() -> FileResponse:
    """The page."""
    return FileResponse(_FILES / "index.html", headers={"Content-Security-Policy": _POLICY})


@router.get("/v1/about", response_model=About, tags=["service"])
def about(request: Request) -> About:
    """What this service does and takes."""
    settings = service_of(request).settings
    here = is_from_here(request)
    return About(
        version=__version__,
        stages=list(STAGES),
        here=here,
        stays=here and service_of(request).keeps_to_itself,
        needs_key=not (here or settings.public),
        keep_s=settings.keep_s,
        max_megapixels=settings.limits.max_megapixels,
        max_bytes=settings.limits.max_bytes,
    )
