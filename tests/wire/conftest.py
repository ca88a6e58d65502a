"""The client's half: botocore's service models, serializer, parser and clients, in process and without a network."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from hypothesis import strategies as st
from structlog.testing import capture_logs
from urllib3 import HTTPResponse

from outcrop.api.calls import Handler
from outcrop.records import Principal
from outcrop.wire.authenticate import SigV4Authenticator
from outcrop.wire.gateway import Gateway
from outcrop.wire.service import SERVICES

PRINCIPAL = Principal(
    arn="arn:aws:iam::123456789012:root",
    account="123456789012",
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
)

# --- values of shapes ---------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=8)
DOCUMENT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
MILLISECONDS = st.integers(-30_000_000_000_000, 250_000_000_000_000).map(
    lambda count: datetime.fromtimestamp(count / 1000, UTC).replace(microsecond=count % 1000 * 1000)
)
"""Times from the year 1019 to 9892: strftime, with which botocore writes them, pads no earlier year."""


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "blob": st.binary(min_size=1, max_size=8),
    "timestamp": MILLISECONDS,
}


def _values(shape: Shape) -> st.SearchStrategy[Any]:
    """Any value of a shape: right in type, not necessarily in its constraints."""
    if getattr(shape, "is_document_type", False):
        return DOCUMENT.filter(lambda value: value is not None)  # a member that is null is absent
    if shape.type_name == "structure":
        return _structures(shape)
    if shape.type_name == "list":
        return st.lists(st.deferred(lambda: _values(shape.member)), max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(TEXT, st.deferred(lambda: _values(shape.value)), max_size=2)
    return _texts(shape) if shape.type_name == "string" else SCALARS[shape.type_name]


def _texts(shape: Shape) -> st.SearchStrategy[str]:
    """Text that can travel where its shape says."""
    location = shape.serialization.get("location")
    if location == "header":
        return HEADER_TEXT
    return TEXT.filter(bool) if location == "uri" else TEXT


def _structures(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    members = {
        name: st.deferred(lambda member=member: _values(member))
        for name, member in shape.members.items()
        if not member.serialization.get("eventstream")
    }
    if getattr(shape, "is_tagged_union", False):
        return st.sampled_from(sorted(members)).flatmap(lambda name: st.fixed_dictionaries({name: members[name]}))
    required = {name: strategy for name, strategy in members.items() if name in shape.required_members}
    optional = sorted(set(members) - set(required))
    # A few optional members at a time: with all of them, Converse is larger than Hypothesis wants to draw.
    chosen = st.lists(st.sampled_from(optional), max_size=3, unique=True) if optional else st.just([])
    return chosen.flatmap(lambda names: st.fixed_dictionaries({**required, **{name: members[name] for name in names}}))


# --- models -------------------------------------------------------------------------------------------------------

_MODELS = {
    service: ServiceModel(Loader().load_service_model(service, "service-2"), service)
    for service in set(SERVICES.values())
}


@pytest.fixture(scope="session")
def model() -> Callable[[str], OperationModel]:
    """Returns botocore's model of an operation."""
    return lambda name: _MODELS[SERVICES[name]].operation_model(name)


@pytest.fixture(scope="session")
def inputs() -> dict[str, st.SearchStrategy[dict[str, Any]]]:
    """Parameters for each operation, by name."""
    return {name: _values(_MODELS[service].operation_model(name).input_shape) for name, service in SERVICES.items()}


@pytest.fixture(scope="session")
def outputs() -> dict[str, st.SearchStrategy[dict[str, Any]]]:
    """Outputs of each operation, by name, without event streams."""
    return {name: _values(_MODELS[service].operation_model(name).output_shape) for name, service in SERVICES.items()}


@pytest.fixture(scope="session")
def values() -> Callable[[Shape], st.SearchStrategy[Any]]:
    """Values of any shape."""
    return _values


# --- clients ------------------------------------------------------------------------------------------------------


_SESSION = botocore.session.Session()
"""One for all: a session keeps the models that it has loaded."""


class _Clock:
    """The machine's clock, since that is what the client signs with: botocore's own signer, or that of awscrt."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError(seconds)


async def _no_other(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


def send_to(app: Any, request: AWSPreparedRequest) -> AWSResponse:
    """Carries a prepared request of botocore to an ASGI application, and its answer back."""
    parts = urlsplit(request.url)
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.read()
    headers = [(name.lower().encode(), _raw(value)) for name, value in request.headers.items()]
    if b"host" not in dict(headers):  # awscrt's signer sets it, botocore's own leaves it to the HTTP client
        headers.append((b"host", parts.netloc.encode()))
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": headers,
        "client": ("192.0.2.7", 4711),
    }
    asyncio.run(app(scope, receive, send))
    start, *rest = sent
    answered = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    raw = HTTPResponse(BytesIO(b"".join(message["body"] for message in rest)), preload_content=False)
    return AWSResponse(request.url, start["status"], answered, raw)


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


@pytest.fixture(scope="session")
def principal() -> Principal:
    """The only principal that the gateway knows."""
    return PRINCIPAL


@pytest.fixture(scope="session")
def clock() -> _Clock:
    """The clock of client and gateway."""
    return _Clock()


@pytest.fixture
def connect() -> Callable[..., Any]:
    """Makes an unmodified botocore client whose requests are answered by a gateway with these handlers."""

    def _connect(service: str, *, secret: str = PRINCIPAL.secret_access_key, **handlers: Handler) -> Any:
        gateway = Gateway(
            handlers=handlers,
            authenticator=SigV4Authenticator({PRINCIPAL.access_key_id: PRINCIPAL}.get, _Clock()),
            clock=_Clock(),
            other=_no_other,
        )
        client = _SESSION.create_client(
            service,
            region_name="us-east-1",
            endpoint_url="http://localhost:8025",
            aws_access_key_id=PRINCIPAL.access_key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-send", lambda request, **_: send_to(gateway, request))
        return client

    return _connect


@pytest.fixture(scope="session")
def answering() -> Callable[[Any], Handler]:
    """Makes a handler that answers with a reply, or raises an error."""

    def _answering(reply: Any) -> Handler:
        async def handler(_: Any) -> Any:
            if isinstance(reply, Exception):
                raise reply
            return reply

        return handler

    return _answering


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keeps log lines off the screen; structlog's default renderer also prints the locals of every traceback."""
    with capture_logs():
        yield
