"""20,000 requests that are wrong somewhere, each answered as the model says, and none with a fault of ours.

Most go to the gateway with the real operations of the control plane on a real catalog; the rest, in test_fuzz_socket,
go to a whole server over its port. A failure names the number of its request: `changed_request` makes it again.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.samples import sample_job
from tests.wire.fuzz import REGION, Sent, changed_request
from tests.wire.modelled import Answered, require_modelled

from outcrop.access.policy import parse
from outcrop.access.throttle import Throttle
from outcrop.adapters.catalog_sql import Database, SqlJobCatalog, SqlModelCatalog, SqlTagCatalog
from outcrop.api.calls import Call, Event, Reply
from outcrop.api.operations import handlers
from outcrop.api.permissions import Permissions
from outcrop.arn import Tenant
from outcrop.records import NO_QUOTAS, ArtifactRef, ImportedModel, ModelFacts, Principal, Stage
from outcrop.testing.jobs import FakeJobEngine
from outcrop.testing.keys import FakeKeyService
from outcrop.testing.networks import FakeNetworks
from outcrop.testing.vault import FakeVault
from outcrop.wire.authenticate import SigV4Authenticator
from outcrop.wire.gateway import Gateway
from outcrop.wire.service import CONTROL, SERVICES, load_operations

REQUESTS = 18_000
TENANT_HERE = Tenant(account="123456789012", region=REGION)
ALLOWED = parse({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
STREAMING = {operation.name for operation in load_operations() if operation.events is not None}
EVENTS = {
    "InvokeModelWithResponseStream": {"chunk": {"bytes": b"{}"}},
    "ConverseStream": {"messageStart": {"role": "assistant"}},
}
OUTPUTS = {
    "InvokeModel": {"body": b"{}", "contentType": "application/json"},
    "InvokeModelWithResponseStream": {"contentType": "application/json"},
    "CountTokens": {"inputTokens": 1},
}


async def _one(event: Event) -> AsyncIterator[Event]:
    yield event


async def _generate(call: Call) -> Reply:
    """Stands for the operations that need a model; what they make of a body is tested with them."""
    events = _one(EVENTS[call.operation]) if call.operation in STREAMING else None
    return Reply(output=OUTPUTS.get(call.operation, {}), events=events)


async def _retire(_model_arn: str) -> None:
    """No copy of a model runs here."""


async def _fill(jobs: SqlJobCatalog, models: SqlModelCatalog) -> None:
    """Makes the job and the model that the requests name, and another of each."""
    for name, resource_id in (("", "abcdefghijkl"), ("-2", "zyxwvutsrqpo")):
        base = sample_job()
        request = replace(
            base.request, job_name=f"job{name}", imported_model_name=f"model{name}", client_request_token=None
        )
        job = await jobs.create(
            replace(base, id=resource_id, model_id=resource_id, tenant=TENANT_HERE, request=request)
        )
        model = ImportedModel(
            id=resource_id,
            tenant=TENANT_HERE,
            name=f"model{name}",
            job_id=job.id,
            job_name=f"job{name}",
            source_uri=request.source_uri,
            created_at=job.created_at,
            facts=ModelFacts(
                architecture="llama",
                is_instruct=True,
                parameters=1,
                weight_bytes=2,
                context_length=3,
                custom_model_units=1,
            ),
            artifact=ArtifactRef(artifact_id=job.id, manifest_sha256="ab" * 32, key_arn=job.key_arn, wrapped_key=b"w"),
            is_customer_key=False,
            evidence={},
        )
        await models.publish(model, content_sha256="cd" * 32, allowed_from=frozenset(Stage))


async def _assumable(_job: Any) -> None:
    """Every role may be assumed."""


async def _never(_job_id: str, _step: Any, _shares: Any) -> None:
    raise NotImplementedError


@pytest.fixture
def served() -> list[str]:
    """The operations that were found, in order; empty where there was none."""
    return []


@pytest.fixture
def gateway(tmp_path: Path, principal: Principal, clock: Any, served: list[str]) -> Iterator[Gateway]:
    """The real control plane on a catalog of its own."""
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    database.migrate()
    jobs, models = SqlJobCatalog(database), SqlModelCatalog(database)
    asyncio.run(_fill(jobs, models))
    tags = SqlTagCatalog(database)
    services: Any = SimpleNamespace(
        jobs=jobs,
        models=models,
        tags=tags,
        fleet=SimpleNamespace(retire=_retire),
        vault=FakeVault(),
        permissions=Permissions(policies_of=lambda _arn: (ALLOWED,), jobs=jobs, models=models, tags=tags),
        throttle=Throttle({}),
        check_role=_assumable,
        networks=FakeNetworks(),
        quotas=NO_QUOTAS,
        keys=FakeKeyService(),
        job_engine=FakeJobEngine(_never),
        clock=clock,
        pick=secrets.choice,
        page_token_key=b"k" * 32,
    )
    real = {name: handle for name, handle in handlers(services).items() if SERVICES[name] == CONTROL}
    yield Gateway(
        handlers=dict.fromkeys(SERVICES, _generate) | real,
        authenticator=SigV4Authenticator({principal.access_key_id: principal}.get, clock),
        clock=clock,
        other=None,
        observe=lambda operation, _status, _seconds: served.append(operation),
    )
    database.close()


async def _answered(app: Gateway, sent: Sent) -> Answered:
    half = len(sent.body) // 2
    messages: list[Any] = [
        {"type": "http.request", "body": sent.body[half:], "more_body": False},
        {"type": "http.request", "body": sent.body[:half], "more_body": True},
    ]
    answers: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "http_version": "2",
        "method": sent.method,
        "raw_path": sent.path,
        "query_string": sent.query,
        "headers": sent.headers,
        "client": ("192.0.2.7", 4711),
    }
    await app(scope, receive, send)
    start, *rest = answers
    return Answered(
        status=start["status"],
        headers=[(name.decode(), value.decode("latin-1")) for name, value in start["headers"]],
        body=b"".join(message["body"] for message in rest),
    )


def test_every_changed_request_is_answered_as_modelled(
    gateway: Gateway, served: list[str], principal: Principal, clock: Any
) -> None:
    """No 5xx, no body that is not of its error's shape, and every answer has its request id."""
    statuses: Counter[int] = Counter()

    async def ask_all() -> None:
        for number in range(REQUESTS):
            sent = changed_request(number, principal, clock.now())
            answer = await _answered(gateway, sent)
            require_modelled(answer, method=sent.method, operation=served[-1], told=f"request {number}: {sent}")
            statuses[answer.status] += 1

    asyncio.run(ask_all())

    assert statuses.total() == REQUESTS == len(served)
    # Were nearly all refused at the door, nothing behind it would have been tried.
    assert set(served) == {*SERVICES, ""}
    assert statuses[200] + statuses[201] > REQUESTS / 20
    assert statuses[400] > REQUESTS / 4
