"""The OpenAPI document says what the API does: Schemathesis makes up requests and compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from running_services import databases, served, settings_in

schemathesis = pytest.importorskip("schemathesis", reason="part of the extra 'dev'")

from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server without a worker, so that nothing is waited for."""
    folder = tmp_path_factory.mktemp("documented")
    with databases("sqlite", folder) as source, source.fresh(folder) as url:
        with served(settings_in(folder, url), works=False) as address:
            yield address


@pytest.fixture
def documented(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


schema = schemathesis.pytest.from_fixture("documented")


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_it_is_documented(case: Any) -> None:
    case.call_and_validate(checks=_CHECKS)


def test_every_route_is_documented(address: str) -> None:
    document = httpx.get(f"{address}/openapi.json").json()
    routes = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    assert routes == {
        "POST /v1/restorations",
        "GET /v1/restorations",
        "GET /v1/restorations/{job_id}",
        "DELETE /v1/restorations/{job_id}",
        "POST /v1/restorations/{job_id}/cancel",
        "GET /v1/restorations/{job_id}/events",
        "GET /v1/restorations/{job_id}/result",
        "GET /v1/restorations/{job_id}/report",
        "GET /v1/restorations/{job_id}/comparison",
        "GET /v1/queue",
        "POST /v1/credits",
        "POST /sdapi/v1/extra-single-image",
        "POST /sdapi/v1/extra-batch-images",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
    body = document["paths"]["/v1/restorations"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    for content in body.values():
        assert {"photo", "mask", "denoise", "ext"} <= set(content["schema"]["properties"])
