"""Fixtures for the unit tests of wire/: operations by name, a clock that stands, a principal, and an ASGI caller."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from structlog.testing import capture_logs

from outcrop.records import Principal
from outcrop.wire.request import HttpRequest, read_headers
from outcrop.wire.service import Operation, load_operations

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class StandingClock:
    """A clock that tells one instant until a test moves it."""

    def __init__(self) -> None:
        self.instant = NOW
        self.seconds = 0.0

    def now(self) -> datetime:
        """Tells the instant."""
        return self.instant

    def monotonic(self) -> float:
        """Tells the seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Moves the seconds on, and waits for nothing."""
        self.seconds += seconds


@dataclass(frozen=True)
class Answer:
    """What an ASGI application sent."""

    status: int
    headers: dict[str, str]
    body: bytes


def _ask(
    app: Callable[..., Awaitable[None]],
    method: str,
    path: str,
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Sends one request to an ASGI application, in process."""
    sent: list[dict[str, object]] = []
    pairs = {"host": "localhost", **(headers or {})}
    if body:
        pairs.setdefault("content-length", str(len(body)))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "raw_path": path.encode("latin-1"),
        "path": path,
        "query_string": query.encode("latin-1"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs.items()],
        "client": ("192.0.2.7", 4711),
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, object]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()  # the client stays connected
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, *rest = sent
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode("latin-1") for name, value in start["headers"]},
        body=b"".join(message["body"] for message in rest),
    )


@pytest.fixture(scope="session")
def operation() -> Callable[[str], Operation]:
    """Returns operations by name."""
    operations = {known.name: known for known in load_operations()}
    return operations.__getitem__


@pytest.fixture
def clock() -> StandingClock:
    """A clock that stands at `now`."""
    return StandingClock()


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant at which the clock stands and requests are signed."""
    return NOW


@pytest.fixture(scope="session")
def principal() -> Principal:
    """The only principal that tests know."""
    return Principal(
        arn="arn:aws:iam::123456789012:root",
        account="123456789012",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    )


def _sign(
    principal: Principal,
    *,
    method: str = "GET",
    url: str = "http://localhost:8025/model-import-jobs/j",
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    region: str = "us-east-1",
    service: str = "bedrock",
    presign_s: int | None = None,
    token: str | None = None,
    is_payload_signed: bool = True,
    at: datetime = NOW,
) -> HttpRequest:
    """Lets botocore sign a request, and returns it as it would arrive."""
    request = AWSRequest(method=method, url=url, params=params, headers=headers, data=body)
    request.context["payload_signing_enabled"] = is_payload_signed
    credentials = Credentials(principal.access_key_id, principal.secret_access_key, token)
    if presign_s is None:
        signer = SigV4Auth(credentials, service, region)
    else:
        signer = SigV4QueryAuth(credentials, service, region, expires=presign_s)
    with patch("botocore.auth.get_current_datetime", return_value=at):
        signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    pairs = [(name.lower().encode(), _raw(value)) for name, value in prepared.headers.items()]
    if "host" not in prepared.headers:
        pairs.append((b"host", parts.netloc.encode()))
    return HttpRequest(
        method=method,
        raw_path=parts.path.encode(),
        query=parts.query.encode(),
        headers=read_headers(pairs),
        body=prepared.body or b"",
    )


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


@pytest.fixture(scope="session")
def sign(principal: Principal) -> Callable[..., HttpRequest]:
    """Signs a request with botocore for the principal, at the standing instant."""
    return lambda **parts: _sign(parts.pop("principal", principal), **parts)


@pytest.fixture(scope="session")
def ask() -> Callable[..., Answer]:
    """Sends one request to an ASGI application and returns what it sent."""
    return _ask


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keeps log lines off the screen; structlog's default renderer also prints the locals of every traceback."""
    with capture_logs():
        yield
