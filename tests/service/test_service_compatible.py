"""The calls that programs of the field make, over real HTTP."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from running_services import served, settings_in, wait_until

from resilver.service.database import Database
from resilver.service.jobs import list_jobs
from resilver.service.keys import Keys
from resilver.service.settings import Settings

LONG_S = 90.0


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    """A server with a worker, on SQLite, and its settings."""
    folder = tmp_path_factory.mktemp("compatible")
    settings = settings_in(folder, f"sqlite:///{folder / 'queue.sqlite'}")
    with served(settings) as address:
        yield settings, address


def test_the_programs_of_the_field_get_their_pictures(
    worked: tuple[Settings, str], photo: bytes
) -> None:
    client = httpx.Client(base_url=worked[1], timeout=LONG_S)
    text = base64.b64encode(photo).decode("ascii")
    single = client.post(
        "/sdapi/v1/extra-single-image",
        json={
            "image": f"data:image/png;base64,{text}",
            "resize_mode": 0,
            "show_extras_results": True,
            "gfpgan_visibility": 1,
            "upscaling_resize": 2,
            "upscaler_1": "R-ESRGAN 4x+",
        },
    )
    assert single.status_code == 200, single.text
    assert "Not done" not in single.json()["html_info"]
    assert Image.open(io.BytesIO(base64.b64decode(single.json()["image"]))).size == (160, 128)
    odd = client.post(
        "/sdapi/v1/extra-single-image",
        json={"image": text, "upscaling_resize": 3, "upscaler_1": "R-ESRGAN 4x+"},
    )
    assert "Not done: upscaling 3 times." in odd.json()["html_info"]
    assert Image.open(io.BytesIO(base64.b64decode(odd.json()["image"]))).size == (80, 64)
    batch = client.post(
        "/sdapi/v1/extra-batch-images",
        json={"imageList": [{"data": text, "name": "../a.png"}, {"data": text, "name": "b"}]},
    )
    assert len(batch.json()["images"]) == 2
    broken = client.post("/sdapi/v1/extra-single-image", json={"image": text[: len(text) // 2]})
    assert broken.status_code == 422
    assert "damaged" in broken.json()["detail"]
    client.close()


def test_a_batch_that_fails_costs_nothing_and_leaves_nothing(
    worked: tuple[Settings, str], photo: bytes
) -> None:
    settings, address = worked
    database = Database(settings.database)
    keys = Keys(database)
    key, text = keys.create("anna", lane="fast", photos=3, max_queued=50, max_megapixels=1e3)
    good, broken = (
        {"data": base64.b64encode(content).decode("ascii"), "name": "a.png"}
        for content in (photo, photo[: len(photo) // 2])
    )
    for images, status, left in (([good, broken, good], 422, 3), ([good, good], 200, 1)):
        answer = httpx.post(
            f"{address}/sdapi/v1/extra-batch-images",
            json={"imageList": images},
            headers={"Authorization": f"Bearer {text}"},
            timeout=LONG_S,
        )
        assert answer.status_code == status, answer.text
        assert [known.credits for known in keys.list()] == [left]
        assert not list_jobs(database, key.visitor.owner, 10, None)
    database.close()
    # A worker may be amid the third: what it has stored it takes away once it hears of the end.
    wait_until(lambda: list(Path(settings.storage).iterdir()) == [], 30.0)
