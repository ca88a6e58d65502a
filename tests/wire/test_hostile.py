"""Requests from strangers: whatever they send, the answer is modelled, and never a 5xx."""

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outcrop.api.calls import Call, Reply
from outcrop.records import Principal
from outcrop.wire.authenticate import SigV4Authenticator, UnsignedAuthenticator
from outcrop.wire.gateway import Gateway
from outcrop.wire.service import SERVICES, load_operations

SETTINGS = settings(max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
FRONT_END_CODES = {
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
}
OPERATIONS = {operation.name: operation for operation in load_operations()}
OUTPUTS = {"InvokeModel": {"body": b"{}", "contentType": "application/json"}}

ARN = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aimported-model%2Fabcdef123456"
LABELS = st.sampled_from(["j", "m-1", ARN, "%", "%00", "%ff", "%C3%A9", "..", "a/../b", "%2e%2e", "\xff", ""])
PATHS = st.sampled_from([operation.path for operation in OPERATIONS.values()]).flatmap(
    lambda path: LABELS.map(lambda label: re.sub(r"\{\w+\}", lambda _: label, path))
)
QUERIES = st.sampled_from(
    [
        "",
        "&",
        "=",
        "maxResults",
        "maxResults=%",
        "maxResults=1e9",
        "maxResults=-1",
        "nextToken=%ff",
        "nextToken=" + "x" * 3000,
        "creationTimeAfter=0",
        "creationTimeAfter=9e99",
        "creationTimeBefore=9999-12-31T23:59:59-23:59",
        "sortBy=Bogus",
        "X-Amz-Signature=1",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=x",
    ]
)
HOSTILE_JSON = st.sampled_from(
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"jobName":"\\ud800"}',
        b'{"jobName":"\xff"}',
        b'{"messages":[{"role":"user","content":[{}]}]}',
        b'{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"inferenceConfig":{"maxTokens":' + b"9" * 5000 + b"}}",
        b'{"inferenceConfig":{"maxTokens":1e30,"temperature":-1e300}}',
        b'{"requestMetadata":{"":"' + b"x" * 3000 + b'"}}',
        b'{"jobTags":[' + b'{"key":"","value":""},' * 300 + b"{}]}",
        b'{"input":{"invokeModel":{"body":"*"},"converse":{}}}',
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.just("a" + "-" * 61 + "!"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = sorted({member.wire_name for operation in OPERATIONS.values() for member in operation.input.members})
SHAPED_JSON = st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4).map(
    lambda value: json.dumps(value).encode()
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "content-length",
            "accept",
            "x-amz-date",
            "x-amzn-bedrock-trace",
            "x-amzn-bedrock-request-metadata",
        ]
    ),
    st.sampled_from(["", "x", "-1", "ENABLED", "\xff", "1" * 40, "application/json; charset=utf-16"]),
    max_size=3,
)


async def _handle(call: Call) -> Reply:
    return Reply(output=OUTPUTS.get(call.operation, {}))


def _gateway(authenticator: Any, clock: Any) -> Gateway:
    # Streams are left out: their handler would have to make events, which is a subject of test_streams.
    handlers = {name: _handle for name in SERVICES if OPERATIONS[name].events is None}
    return Gateway(handlers=handlers, authenticator=authenticator, clock=clock, other=None)


def _ask(
    app: Any, method: str, path: str, query: str, headers: dict[str, Any], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Sends a request as it stands; returns status, headers and body of the answer."""
    sent, messages = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: str) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "2",
        "method": method,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(b"host", b"h"), *((key.encode(), value.encode("latin-1")) for key, value in headers.items())],
        "client": None,
    }
    asyncio.run(app(scope, receive, send))
    start, *rest = sent
    answered = {key.decode(): value.decode("latin-1") for key, value in start["headers"]}
    return start["status"], answered, b"".join(message["body"] for message in rest)


def _is_modelled(status: int, headers: dict[str, Any], body: bytes, *, is_head: bool = False) -> bool:
    """Whether an answer is one that AWS's clients understand, and none of our own faults."""
    if status >= 500 or len(headers["x-amzn-requestid"]) != 36:
        return False
    if status < 300:
        return True
    declared = {code for operation in OPERATIONS.values() for code in operation.errors}
    has_its_body = not body if is_head else isinstance(json.loads(body)["message"], str)
    return headers["x-amzn-errortype"] in declared | FRONT_END_CODES and has_its_body


@pytest.fixture(scope="module")
def unsigned(principal: Principal, clock: Any) -> Gateway:
    """A gateway that believes everybody."""
    return _gateway(UnsignedAuthenticator(principal, "us-east-1"), clock)


@pytest.fixture(scope="module")
def signed(principal: Principal, clock: Any) -> SigV4Authenticator:
    """A gateway that checks signatures."""
    return _gateway(SigV4Authenticator({principal.access_key_id: principal}.get, clock), clock)


@SETTINGS
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "\x00"]),
    path=PATHS | st.text(st.characters(max_codepoint=0xFF), max_size=20).map(lambda text: "/" + text),
    query=QUERIES | st.text(st.characters(max_codepoint=0xFF), max_size=20),
    headers=HEADERS,
    body=HOSTILE_JSON | SHAPED_JSON | st.binary(max_size=40),
)
def test_no_request_is_a_fault_of_ours(
    unsigned: Gateway, method: str, path: str, query: str, headers: dict[str, Any], body: bytes
) -> None:
    """Hostile paths, queries, headers and bodies: a modelled answer, never a 5xx."""
    assert _is_modelled(*_ask(unsigned, method, path, query, headers, body), is_head=method == "HEAD")


@SETTINGS
@given(
    path=PATHS, query=QUERIES, headers=HEADERS, authorization=st.text(st.characters(max_codepoint=0xFF), max_size=80)
)
@example(path="/model-import-jobs", query="", headers={"x-amz-date": "x"}, authorization="AWS4-HMAC-SHA256 a=b")
def test_no_unsigned_request_gets_further_than_the_door(
    signed: Gateway, path: str, query: str, headers: dict[str, Any], authorization: str
) -> None:
    """Without a signature that holds, nothing is answered but refusals."""
    status, answered, body = _ask(signed, "POST", path, query, {**headers, "authorization": authorization}, b"{}")

    assert 400 <= status < 500
    assert _is_modelled(status, answered, body)


def test_the_hostile_job_name_is_refused(unsigned: Gateway) -> None:
    """`a`, 61 dashes and `!` take hours in a backtracking engine; the answer names the member and the pattern."""
    body = json.dumps({"jobName": "a" + "-" * 61 + "!"}).encode()

    status, _, answer = _ask(unsigned, "POST", "/model-import-jobs", "", {}, body)

    assert status == 400
    assert (
        "at 'jobName' failed to satisfy constraint: Member must satisfy regular expression"
        in json.loads(answer)["message"]
    )
