"""The paths beside AWS's."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from tests.samples import TENANT, sample_job

from outcrop.arn import Tenant
from outcrop.console.app import ConsoleServices, console_app
from outcrop.console.health import Readiness
from outcrop.console.metrics import Metrics
from outcrop.errors import AuthenticationError
from outcrop.records import Stage
from outcrop.testing.catalog import FakeCatalog
from outcrop.testing.clock import BEGIN, FakeClock
from outcrop.testing.vault import FakeVault


@pytest.fixture
def metrics() -> Metrics:
    """The metrics of one server."""
    return Metrics()


@pytest.fixture
def catalog() -> FakeCatalog:
    """A catalog with one job."""
    made = FakeCatalog()
    made.job_rows[sample_job().id] = sample_job()
    return made


@pytest.fixture
def client_as(metrics: Metrics, catalog: FakeCatalog) -> Callable[[Tenant | None], TestClient]:
    """A client whose requests are a tenant's, or nobody's."""

    def make(tenant: Tenant | None) -> TestClient:
        async def admit(_request: Request, _body: bytes, _identifier: str) -> Tenant:
            if tenant is None:
                raise AuthenticationError("MissingAuthenticationTokenException", "Missing Authentication Token")
            return tenant

        services = ConsoleServices(
            jobs=catalog.jobs,
            deliveries=catalog.deliveries,
            clock=FakeClock(),
            readiness=Readiness({"vault": FakeVault().artifact_ids}, FakeClock()),
            copies=lambda: {"ready": 2},
            metrics=metrics,
            admit=admit,
        )
        return TestClient(console_app(services))

    return make


@pytest.mark.parametrize(
    "identifier", ["job-1", "job000000001", sample_job().arn, sample_job().arn.replace("/", "%2F")]
)
def test_an_import_is_found_by_name_id_and_arn(
    client_as: Callable[[Tenant | None], TestClient], identifier: str
) -> None:
    """However its slash is written."""
    answer = client_as(TENANT).get(f"/outcrop/import-jobs/{identifier}")

    assert (answer.status_code, answer.json()["jobName"]) == (200, "job-1")


def test_others_see_nothing(client_as: Callable[[Tenant | None], TestClient]) -> None:
    """404 for another account, 403 for nobody."""
    other = client_as(Tenant(account="111111111111", region="us-east-1")).get("/outcrop/import-jobs/job-1")
    nobody = client_as(None).get("/outcrop/import-jobs/job-1")

    assert (other.status_code, nobody.status_code) == (404, 403)
    assert "jobName" not in other.text + nobody.text


def test_health_and_metrics_need_no_signature(
    client_as: Callable[[Tenant | None], TestClient], metrics: Metrics
) -> None:
    """Monitoring has no key; what it reads names nobody."""
    metrics.observe_request("InvokeModel", 200, 0.01)
    client = client_as(None)

    text = client.get("/metrics").text

    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200
    assert 'outcrop_requests_total{operation="InvokeModel",status="200"} 1.0' in text
    assert 'outcrop_import_jobs{stage="Queued"} 1.0' in text
    assert 'outcrop_copies{state="ready"} 2.0' in text
    assert 'outcrop_part_up{part="vault"} 1.0' in text
    assert "job-1" not in text


def test_events_end_with_the_job(client_as: Callable[[Tenant | None], TestClient], catalog: FakeCatalog) -> None:
    """An ended job has one; its ARN may be written either way."""
    ended = replace(sample_job(), stage=Stage.FAILED, ended_at=BEGIN, failure_message="why")
    catalog.job_rows[ended.id] = ended

    for identifier in ("job-1", ended.arn, ended.arn.replace("/", "%2F")):
        answer = client_as(TENANT).get(f"/outcrop/import-jobs/{identifier}/events")

        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert "\nevent: end\ndata: {" in answer.text
        assert '"failureMessage": "why"' in answer.text
        last_id = answer.text.partition("id: ")[2].partition("\n")[0]
        again = client_as(TENANT).get(f"/outcrop/import-jobs/{identifier}/events", headers={"last-event-id": last_id})
        assert (again.status_code, again.content) == (204, b"")
    assert client_as(None).get("/outcrop/import-jobs/job-1/events").status_code == 403


def test_an_ended_job_tells_how_far_its_webhook_is(
    client_as: Callable[[Tenant | None], TestClient], catalog: FakeCatalog
) -> None:
    """Nothing before the end, nor without a webhook; then state, attempts and what went wrong."""
    running = client_as(TENANT).get("/outcrop/import-jobs/job-1").json()
    catalog.job_rows[sample_job().id] = replace(sample_job(), stage=Stage.FAILED, ended_at=BEGIN)
    untold = client_as(TENANT).get("/outcrop/import-jobs/job-1").json()
    catalog.deliveries.announce(sample_job().id, BEGIN)
    told = client_as(TENANT).get("/outcrop/import-jobs/job-1").json()

    assert (running["webhook"], untold["webhook"]) == (None, None)
    assert told["webhook"] == {
        "state": "Waiting",
        "attempts": 0,
        "nextAttempt": BEGIN.isoformat(),
        "problem": None,
    }
