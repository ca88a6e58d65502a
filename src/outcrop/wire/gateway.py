"""The ASGI application: it takes a request from route to answer, and lets nothing unmodelled out.

The order is AWS's: address, size, signature, form, constraints, then the operation. Whatever is raised on the way is
answered as a fault; this is the only module of the server that catches everything.
"""

import random
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from outcrop.api.calls import Call, Event, Handler, Reply
from outcrop.arn import Tenant
from outcrop.ports import Clock
from outcrop.records import Caller
from outcrop.wire.authenticate import Authenticator
from outcrop.wire.client import ClientGoneError, while_connected
from outcrop.wire.constraints import unchecked_patterns
from outcrop.wire.faults import Fault, answer_fault, fault_of
from outcrop.wire.plan import Plan, prepare
from outcrop.wire.refusals import BodyBrokenError
from outcrop.wire.request import HttpRequest, read_body, read_headers
from outcrop.wire.router import Route, Router
from outcrop.wire.serialize import Answer
from outcrop.wire.service import Operation, load_operations
from outcrop.wire.trail import Record, record_of

CLIENT_GONE = 499
"""What the log calls the status of a request whose client left before the answer; never sent."""

_LOOKING = ("Get", "List")

_log = structlog.get_logger(__name__)


_ids = random.Random(secrets.randbits(256))  # noqa: S311  # ids are told to everybody: they must differ, not be secret


def make_request_id() -> str:
    """Makes a random UUID of version 4, as AWS's request ids are; the uuid module asks the kernel for each."""
    digits = f"{_ids.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """One request on its way: ASGI's three, and the id that the answer and the log carry."""

    scope: Scope
    receive: Receive
    send: Send
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """Events that wait to be sent; the first has been taken already, None when there was none."""

    plan: Plan
    first: Event | None
    rest: AsyncIterator[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What the log and the trail tell of an answer."""

    status: int
    fault: Fault | None = None
    caller: Caller | None = None
    """None when the request did not prove who sent it."""
    params: Mapping[str, Any] | None = field(default=None, repr=False)
    output: Mapping[str, Any] | None = field(default=None, repr=False)


class Gateway:
    """Serves the operations that have a handler; paths of Outcrop's own go to another application.

    `observe` is told operation (empty where there is none), status and seconds of each request.
    `trail` is given the CloudTrail record of each call of an operation, whoever made it.
    `own_prefixes` are those paths, such as `/health`: each with all that lies below it, but `/` alone.
    """

    def __init__(
        self,
        *,
        handlers: Mapping[str, Handler],
        authenticator: Authenticator,
        clock: Clock,
        other: ASGIApp,
        own_prefixes: tuple[str, ...] = (),
        observe: Callable[[str, int, float], None] = lambda _operation, _status, _seconds: None,
        trail: Callable[[Record], None] | None = None,
        body_timeout_s: float = 60.0,
        new_request_id: Callable[[], str] = make_request_id,
    ) -> None:
        operations = load_operations(handlers)
        for pattern in unchecked_patterns(operation.input for operation in operations):
            _log.warning("pattern_not_checked", pattern=pattern)
        self._plans = {operation.name: prepare(operation, handlers[operation.name]) for operation in operations}
        self._router = Router(operations)
        self._authenticator = authenticator
        self._observe = observe
        self._trail = trail
        self._clock = clock
        self._other = other
        self._own_paths = frozenset(prefix.encode() for prefix in own_prefixes)
        self._own_folders = tuple(f"{prefix}/".encode() for prefix in own_prefixes if prefix != "/")
        self._body_timeout_s = body_timeout_s
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one connection scope, as ASGI 3 says."""
        if scope["type"] != "http" or self._is_own(scope["raw_path"]):
            await self._other(scope, receive, send)
            return
        started = self._clock.monotonic()
        exchange = _Exchange(scope=scope, receive=receive, send=send, request_id=self._new_request_id())
        # Every line that is logged on behalf of the request says which one it is.
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            operation, served = await self._serve(exchange)
        seconds = self._clock.monotonic() - started
        name = None if operation is None else operation.name
        self._observe(name or "", served.status, seconds)
        # Clients poll, and `outcrop jobs watch` does: what only looks is told in the audit log, and here when it fails.
        is_quiet = served.fault is None and name is not None and name.startswith(_LOOKING)
        (_log.debug if is_quiet else _log.info)(
            "request_served",
            operation=name,
            status=served.status,
            error=None if served.fault is None else served.fault.code,
            ms=round(seconds * 1000, 3),
            request_id=exchange.request_id,
        )
        if self._trail is not None and operation is not None and served.status != CLIENT_GONE:
            self._trail(self._record(exchange, operation, served))

    def _record(self, exchange: _Exchange, operation: Operation, served: _Served) -> Record:
        return record_of(
            operation,
            at=self._clock.now(),
            event_id=self._new_request_id(),
            request_id=exchange.request_id,
            source_ip=_source_ip(exchange),
            user_agent=_user_agent(exchange),
            caller=served.caller,
            params=served.params,
            output=served.output,
            fault=served.fault,
        )

    def _is_own(self, raw_path: bytes) -> bool:
        return raw_path in self._own_paths or raw_path.startswith(self._own_folders)

    async def _serve(self, exchange: _Exchange) -> tuple[Operation | None, _Served]:
        operation: Operation | None = None
        try:
            route = self._router.match(exchange.scope["method"], exchange.scope["raw_path"])
            operation = route.operation
            plan = self._plans[operation.name]
            request = await self._read(exchange, plan)
        except ClientGoneError:
            # Gone, or still there with a body that is broken: ASGI tells no difference, and to whom nothing is sent,
            # Granian sends a 500 of its own.
            await self._refuse(exchange, BodyBrokenError(), operation)
            return operation, _Served(status=CLIENT_GONE)
        except Exception as error:  # noqa: BLE001 - the last step: whatever it is becomes a fault
            return operation, await self._refuse(exchange, error, operation)
        work = self._answer(exchange, plan, route, request)
        if not plan.is_watched:
            return operation, await work
        return operation, await while_connected(exchange.receive, work, gone=_Served(status=CLIENT_GONE))

    async def _read(self, exchange: _Exchange, plan: Plan) -> HttpRequest:
        scope = exchange.scope
        headers = read_headers(scope["headers"])
        body = await read_body(
            exchange.receive,
            headers,
            http_version=scope["http_version"],
            limit_bytes=plan.limit_bytes,
            timeout_s=self._body_timeout_s,
        )
        return HttpRequest(
            method=scope["method"], raw_path=scope["raw_path"], query=scope["query_string"], headers=headers, body=body
        )

    async def _answer(self, exchange: _Exchange, plan: Plan, route: Route, request: HttpRequest) -> _Served:
        caller: Caller | None = None
        params: Mapping[str, Any] | None = None
        try:
            caller = await self._identify(exchange, request)
            params = plan.parse(route.labels, request)
            plan.validate(params)
            reply = await plan.handle(Call(operation=plan.operation.name, params=params, caller=caller))
            answer = _with_headers(plan.serialize(reply.output), reply.headers)
            stream = await _open_stream(plan, reply)
        except Exception as error:  # noqa: BLE001 - the last step: whatever it is becomes a fault
            refused = await self._refuse(exchange, error, plan.operation)
            return replace(refused, caller=caller, params=params)
        if stream is None:
            await _send_whole(exchange, answer)
        else:
            await self._send_stream(exchange, answer, stream)
        return _Served(status=answer.status, caller=caller, params=params, output=reply.output)

    async def _identify(self, exchange: _Exchange, request: HttpRequest) -> Caller:
        identity = await self._authenticator.authenticate(request)
        return Caller(
            principal_arn=identity.principal_arn,
            tenant=Tenant(account=identity.account, region=identity.region),
            request_id=exchange.request_id,
            source_ip=_source_ip(exchange),
            access_key_id=identity.access_key_id,
        )

    async def _send_stream(self, exchange: _Exchange, answer: Answer, stream: _Stream) -> None:
        try:
            await _send_start(exchange, answer, [])
            async for frame in self._frames(exchange, stream):
                await exchange.send({"type": "http.response.body", "body": frame, "more_body": True})
            await exchange.send({"type": "http.response.body", "body": b""})
        finally:
            if isinstance(stream.rest, AsyncGenerator):
                await stream.rest.aclose()

    async def _frames(self, exchange: _Exchange, stream: _Stream) -> AsyncIterator[bytes]:
        plan = stream.plan
        try:
            if stream.first is not None:
                yield plan.encoder.event(stream.first)
            async for event in stream.rest:
                yield plan.encoder.event(event)
        except Exception as error:  # noqa: BLE001 - the last step: whatever it is becomes a fault
            fault = self._fault(exchange, error, plan.operation)
            _log.info("stream_failed", operation=plan.operation.name, error=fault.code, request_id=exchange.request_id)
            yield plan.encoder.exception(fault)

    async def _refuse(self, exchange: _Exchange, error: Exception, operation: Operation | None) -> _Served:
        fault = self._fault(exchange, error, operation)
        await _send_whole(exchange, answer_fault(fault))
        return _Served(status=fault.status, fault=fault)

    def _fault(self, exchange: _Exchange, error: Exception, operation: Operation | None) -> Fault:
        fault = fault_of(error, operation)
        if fault.is_ours:
            name = None if operation is None else operation.name
            _log.error("request_failed", operation=name, request_id=exchange.request_id, exc_info=error)
        return fault


def _source_ip(exchange: _Exchange) -> str:
    client = exchange.scope.get("client")
    return client[0] if client else ""


def _user_agent(exchange: _Exchange) -> str:
    return next((value.decode("latin-1") for name, value in exchange.scope["headers"] if name == b"user-agent"), "")


async def _open_stream(plan: Plan, reply: Reply) -> _Stream | None:
    """Takes the first event before the status is sent: what fails until then is an error that SDKs can retry."""
    if reply.events is None:
        return None
    return _Stream(plan=plan, first=await anext(reply.events, None), rest=reply.events)


def _with_headers(answer: Answer, headers: Mapping[str, str]) -> Answer:
    more = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Answer(status=answer.status, headers=[*answer.headers, *more], body=answer.body) if more else answer


async def _send_whole(exchange: _Exchange, answer: Answer) -> None:
    await _send_start(exchange, answer, [(b"content-length", str(len(answer.body)).encode())])
    # Over HTTP/2 the HTTP server does not do this for us.
    body = b"" if exchange.scope["method"] == "HEAD" else answer.body
    await exchange.send({"type": "http.response.body", "body": body})


async def _send_start(exchange: _Exchange, answer: Answer, more: list[tuple[bytes, bytes]]) -> None:
    headers = [*answer.headers, (b"x-amzn-requestid", exchange.request_id.encode()), *more]
    await exchange.send({"type": "http.response.start", "status": answer.status, "headers": headers})
