"""The OpenAPI document says what the API does: Schemathesis makes up requests and compares.

Without its own plugin for pytest, which the tested version of pytest does not get on with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from running_services import Databases, served, settings_in

schemathesis = pytest.importorskip("schemathesis", reason="part of the extra 'dev'")

ROUTES = (
    "POST /v1/restorations",
    "GET /v1/restorations",
    "GET /v1/restorations/{job_id}",
    "DELETE /v1/restorations/{job_id}",
    "POST /v1/restorations/{job_id}/cancel",
    "GET /v1/restorations/{job_id}/events",
    "GET /v1/restorations/{job_id}/result",
    "GET /v1/restorations/{job_id}/report",
    "GET /v1/restorations/{job_id}/comparison",
    "GET /v1/restorations/{job_id}/before",
    "GET /v1/restorations/{job_id}/after",
    "GET /v1/restorations/{job_id}/diagnosis",
    "GET /v1/restorations/{job_id}/damage",
    "GET /v1/about",
    "GET /v1/queue",
    "POST /v1/credits",
    "POST /sdapi/v1/extra-single-image",
    "POST /sdapi/v1/extra-batch-images",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
)


@pytest.fixture(scope="module")
def address(source: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server without a worker, so that nothing is waited for, on each kind of database."""
    folder = tmp_path_factory.mktemp("documented")
    with source.fresh(folder) as url, served(settings_in(folder, url), works=False) as address:
        yield address


@pytest.fixture(scope="module")
def documented(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("route", ROUTES)
def test_it_answers_as_it_is_documented(route: str, documented: Any) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    # No worker is there, which /readyz says as it should.
    allowed = [check for check in checks if route != "GET /readyz" or check != not_a_server_error]
    method, path = route.split()

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=documented[path][method].as_strategy())
    def answers(case: Any) -> None:
        case.call_and_validate(checks=allowed)

    answers()


def test_every_route_is_documented(address: str) -> None:
    document = httpx.get(f"{address}/openapi.json").json()
    routes = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }
    assert routes == set(ROUTES)
    body = document["paths"]["/v1/restorations"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    for content in body.values():
        assert {"photo", "mask", "denoise", "ext"} <= set(content["schema"]["properties"])
