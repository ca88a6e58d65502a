"""The ASGI application."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from outcrop.api.calls import Call, Reply
from outcrop.errors import ModelFailedError, ModelNotReadyError, NotFoundError
from outcrop.records import Principal
from outcrop.wire.authenticate import SigV4Authenticator, UnsignedAuthenticator
from outcrop.wire.gateway import Gateway
from outcrop.wire.plan import CONTROL_LIMIT_BYTES

JOB = "/model-import-jobs/j"
STREAM = "/model/m/invoke-with-response-stream"


async def _other(scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"other:" + scope["type"].encode()})


@pytest.fixture
def gateway(principal: Principal, clock: Any) -> Callable[..., Gateway]:
    """Makes a gateway from handlers by operation name."""

    def _gateway(authenticator: Any = None, **handlers: Any) -> Gateway:
        return Gateway(
            handlers=handlers,
            authenticator=authenticator or UnsignedAuthenticator(principal, "us-east-1"),
            clock=clock,
            other=_other,
            own_prefixes=("/health", "/outcrop", "/"),
            new_request_id=lambda: "request-1",
            body_timeout_s=0.01,
        )

    return _gateway


def _replies(reply: Any, calls: list[Call] | None = None) -> Callable[..., Any]:
    async def handler(call: Call) -> Any:
        if calls is not None:
            calls.append(call)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return handler


async def _chunks(*items: Any) -> AsyncIterator[dict[str, Any]]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield {"chunk": {"bytes": item}}


def test_a_call_reaches_its_handler_with_parameters_and_caller(
    gateway: Callable[..., Gateway], ask: Callable[..., Any], principal: Principal
) -> None:
    """The handler gets what the caller asked and who that is, and nothing of HTTP."""
    calls = []

    answer = ask(gateway(GetModelImportJob=_replies(Reply(output={"jobName": "j"}), calls)), "GET", JOB)

    (call,) = calls
    assert (call.operation, call.params) == ("GetModelImportJob", {"jobIdentifier": "j"})
    assert call.caller.principal_arn == principal.arn
    assert (call.caller.tenant.account, call.caller.tenant.region) == ("123456789012", "us-east-1")
    assert (call.caller.request_id, call.caller.source_ip) == ("request-1", "192.0.2.7")
    assert (answer.status, json.loads(answer.body)) == (200, {"jobName": "j"})


def test_every_answer_has_id_type_and_length(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """Successes and errors alike (SPEC 1.14)."""
    app = gateway(GetModelImportJob=_replies(Reply()))

    for answer in (ask(app, "GET", JOB), ask(app, "GET", "/nowhere"), ask(app, "PUT", JOB)):
        assert answer.headers["x-amzn-requestid"] == "request-1"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(answer.body))


def test_request_ids_are_uuids_by_default(principal: Principal, clock: Any, ask: Callable[..., Any]) -> None:
    """AWS's request ids are random UUIDs, each another."""
    app = Gateway(handlers={}, authenticator=UnsignedAuthenticator(principal, "r"), clock=clock, other=_other)

    ids = [uuid.UUID(ask(app, "GET", "/nowhere").headers["x-amzn-requestid"]) for _ in range(2)]

    assert ids[0] != ids[1]
    assert all((made.version, made.variant) == (4, uuid.RFC_4122) for made in ids)


def test_headers_of_the_reply_are_sent(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """Token counts travel in headers that no model has (SPEC 3.1.5)."""
    reply = Reply(
        output={"body": b"{}", "contentType": "application/json"}, headers={"X-Amzn-Bedrock-Input-Token-Count": "3"}
    )

    answer = ask(gateway(InvokeModel=_replies(reply)), "POST", "/model/m/invoke", body=b"{}")

    assert answer.headers["x-amzn-bedrock-input-token-count"] == "3"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/outcrop/import-jobs/j", "/"])
def test_own_paths_go_to_the_other_application(
    gateway: Callable[..., Gateway], ask: Callable[..., Any], path: str
) -> None:
    """Health, metrics and the console are not AWS's business."""
    assert ask(gateway(), "GET", path).body == b"other:http"


@pytest.mark.parametrize("path", ["/healthy", "/model-import-jobs", "//", "/outcrop-x"])
def test_other_paths_stay(gateway: Callable[..., Gateway], ask: Callable[..., Any], path: str) -> None:
    """A prefix is a path segment; an operation without a handler is unknown."""
    answer = ask(gateway(), "GET", path)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_other_scopes_go_to_the_other_application(gateway: Callable[..., Gateway]) -> None:
    """Lifespan events are the other application's."""
    sent = []

    async def send(message: str) -> None:
        sent.append(message)

    asyncio.run(gateway()({"type": "lifespan"}, None, send))

    assert sent[1]["body"] == b"other:lifespan"


def test_signatures_come_before_form(
    gateway: Callable[..., Gateway], ask: Callable[..., Any], principal: Principal, clock: Any
) -> None:
    """A request that is both unsigned and malformed is unsigned, as for AWS."""
    app = gateway(
        SigV4Authenticator({principal.access_key_id: principal}.get, clock), CreateModelImportJob=_replies(Reply())
    )

    answer = ask(app, "POST", "/model-import-jobs", body=b"{")

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")


def test_form_comes_before_constraints(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """What cannot be read is SerializationException; what can, but breaks rules, is ValidationException."""
    calls = []
    app = gateway(CreateModelImportJob=_replies(Reply(), calls))

    unread = ask(app, "POST", "/model-import-jobs", body=b'{"jobName":1}')
    unfit = ask(app, "POST", "/model-import-jobs", body=b'{"jobName":"!"}')

    assert unread.headers["x-amzn-errortype"] == "SerializationException"
    assert unfit.headers["x-amzn-errortype"] == "ValidationException"
    assert json.loads(unfit.body)["message"].startswith("4 validation errors detected: ")
    assert calls == []


def test_large_bodies_are_refused_by_what_they_say(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """One mebibyte for the control plane, refused before it is read."""
    headers = {"content-length": str(CONTROL_LIMIT_BYTES + 1)}

    answer = ask(gateway(CreateModelImportJob=_replies(Reply())), "POST", "/model-import-jobs", headers=headers)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert "1048576 bytes" in json.loads(answer.body)["message"]


def test_runtime_bodies_may_be_larger(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """25,000,000 bytes, as the model says of InvokeModel's body."""
    calls = []
    reply = Reply(output={"body": b"", "contentType": "application/json"})

    ask(gateway(InvokeModel=_replies(reply, calls)), "POST", "/model/m/invoke", body=b"x" * (CONTROL_LIMIT_BYTES + 1))
    over = ask(gateway(InvokeModel=_replies(reply)), "POST", "/model/m/invoke", headers={"content-length": "25000001"})

    assert len(calls[0].params["body"]) == CONTROL_LIMIT_BYTES + 1
    assert over.status == 400


def test_handlers_errors_are_modelled_answers(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """Whatever a handler raises for its caller has the model's status."""
    answer = ask(gateway(GetModelImportJob=_replies(NotFoundError("no job j"))), "GET", JOB)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert json.loads(answer.body) == {"message": "no job j"}


def test_our_own_bugs_are_500_and_in_the_log(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """The caller learns the request id, the log the trace."""
    with capture_logs() as logs:
        answer = ask(gateway(GetModelImportJob=_replies(RuntimeError("secret path"))), "GET", JOB)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "InternalServerException")
    assert b"secret" not in answer.body
    failed = next(entry for entry in logs if entry["event"] == "request_failed")
    assert (failed["request_id"], str(failed["exc_info"])) == ("request-1", "secret path")


def test_outputs_of_the_wrong_shape_are_our_bugs(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """A handler that answers nonsense is a 500, not half an answer."""
    assert ask(gateway(GetModelImportJob=_replies(Reply(output={"nonsense": 1}))), "GET", JOB).status == 500


def test_each_request_is_logged_once_without_its_content(
    gateway: Callable[..., Gateway], ask: Callable[..., Any]
) -> None:
    """Operation, status, error, time and id; never parameters or bodies."""
    with capture_logs() as logs:
        ask(gateway(GetModelImportJob=_replies(NotFoundError("x"))), "GET", JOB)

    assert logs == [
        {
            "event": "request_served",
            "log_level": "info",
            "operation": "GetModelImportJob",
            "status": 404,
            "error": "ResourceNotFoundException",
            "ms": 0.0,
            "request_id": "request-1",
        }
    ]


def test_streams_are_frames_under_a_200(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """Events follow the headers, frame by frame."""
    reply = Reply(output={"contentType": "application/json"}, events=_chunks(b"{}", b"{}"))

    answer = ask(gateway(InvokeModelWithResponseStream=_replies(reply)), "POST", STREAM, body=b"{}")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert answer.headers["x-amzn-bedrock-content-type"] == "application/json"
    assert "content-length" not in answer.headers
    assert answer.body.count(b":event-type\x07\x00\x05chunk") == 2


def test_streams_without_events_are_empty(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """A stream may end before it began."""
    reply = Reply(output={"contentType": "application/json"}, events=_chunks())

    assert ask(gateway(InvokeModelWithResponseStream=_replies(reply)), "POST", STREAM).body == b""


def test_errors_before_the_first_event_are_plain_errors(
    gateway: Callable[..., Gateway], ask: Callable[..., Any]
) -> None:
    """SDKs retry an HTTP 429, and no exception inside of a stream."""
    reply = Reply(output={"contentType": "application/json"}, events=_chunks(ModelNotReadyError(retry_after_s=1)))

    answer = ask(gateway(InvokeModelWithResponseStream=_replies(reply)), "POST", STREAM)

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "ModelNotReadyException")


def test_errors_after_the_first_event_end_the_stream_with_a_frame(
    gateway: Callable[..., Gateway], ask: Callable[..., Any]
) -> None:
    """The status is sent by then: the error is the last frame."""
    error = ModelFailedError("engine died", original_status=500, resource_name="arn")
    reply = Reply(output={"contentType": "application/json"}, events=_chunks(b"{}", error))

    answer = ask(gateway(InvokeModelWithResponseStream=_replies(reply)), "POST", STREAM)

    assert answer.status == 200
    assert b":exception-type\x07\x00\x19modelStreamErrorException" in answer.body


def _exchange(app: Any, path: str, messages: Any, *, leave_after: int | None = None) -> list[dict[str, Any]]:
    """Sends messages to an application, then waits; the client leaves once so many messages were sent to it."""
    sent, gone, queue = [], asyncio.Event(), list(messages)

    async def receive() -> dict[str, Any]:
        if queue:
            return queue.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: str) -> None:
        sent.append(message)
        if len(sent) == leave_after:
            gone.set()
        await asyncio.sleep(0)  # as a socket would: others get their turn

    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"transfer-encoding", b"chunked")], "client": None,
    }  # fmt: skip

    async def run() -> None:
        if leave_after == 0:
            gone.set()
        await app(scope, receive, send)

    asyncio.run(run())
    return sent


def test_slow_bodies_are_given_up(gateway: Callable[..., Gateway]) -> None:
    """A client that announces a body and sends none is answered when its time is over."""
    start, body = _exchange(gateway(CreateModelImportJob=_replies(Reply())), "/model-import-jobs", [])

    assert start["status"] == 400
    assert "did not arrive within 0.01 seconds" in json.loads(body["body"])["message"]


def test_inference_ends_when_its_client_leaves(gateway: Callable[..., Gateway]) -> None:
    """Nobody waits for the answer: the handler is cancelled, can clean up, and nothing is sent."""
    cleaned = []

    async def handler(_: Call) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    with capture_logs() as logs:
        sent = _exchange(gateway(InvokeModel=handler), "/model/m/invoke", [{"type": "http.request"}], leave_after=0)

    assert (sent, cleaned) == ([], [True])
    assert logs[-1]["status"] == 499


def test_streams_are_closed_when_their_client_leaves(gateway: Callable[..., Gateway]) -> None:
    """The source of the events is closed, so that an engine stops generating."""
    closed = []

    async def events() -> AsyncIterator[dict[str, Any]]:
        try:
            while True:
                yield {"chunk": {"bytes": b"{}"}}
        finally:
            closed.append(True)

    reply = Reply(output={"contentType": "application/json"}, events=events())

    sent = _exchange(
        gateway(InvokeModelWithResponseStream=_replies(reply)), STREAM, [{"type": "http.request"}], leave_after=3
    )

    assert closed == [True]
    assert all(message.get("more_body", True) for message in sent)


def test_a_body_that_breaks_off_is_refused(gateway: Callable[..., Gateway]) -> None:
    """Its sender may still be there, and would get a 500 of the HTTP server; the log says that the body broke off."""
    app = gateway(CreateModelImportJob=_replies(Reply()))

    with capture_logs() as logs:
        sent = _exchange(app, "/model-import-jobs", [{"type": "http.request", "more_body": True}], leave_after=0)

    assert sent[0]["status"] == 400
    assert dict(sent[0]["headers"])[b"x-amzn-errortype"] == b"SerializationException"
    assert (logs[-1]["operation"], logs[-1]["status"]) == ("CreateModelImportJob", 499)


def test_head_has_no_body(gateway: Callable[..., Gateway], ask: Callable[..., Any]) -> None:
    """No operation answers to HEAD; the refusal has its headers, and its length without the body."""
    answer = ask(gateway(), "HEAD", "/model-import-jobs")

    assert (answer.status, answer.body) == (404, b"")
    assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"
    assert int(answer.headers["content-length"]) > 0


def test_writes_are_finished_when_their_client_leaves(gateway: Callable[..., Gateway]) -> None:
    """A control-plane call that began is carried to its end, whoever is left to hear of it."""
    done = []

    async def handler(_: Call) -> Any:
        for _ in range(10):
            await asyncio.sleep(0)
        done.append(True)
        return Reply()

    body = b'{"resourceARN":"arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdef123456","tagKeys":[]}'

    _exchange(gateway(UntagResource=handler), "/untagResource", [{"type": "http.request", "body": body}], leave_after=0)

    assert done == [True]
