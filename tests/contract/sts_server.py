"""An STS for tests: AssumeRole over HTTP with real signatures, trust policies, and failures to order.

Signatures are made anew with botocore and compared, requests are validated against AWS's model of STS, and answers are
in AWS's words and XML. Time is the test's.
"""

from __future__ import annotations

import fnmatch
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator
from tests.loopback import served

MODEL = botocore.session.get_session().get_service_model("sts")
SERVER_KEY, SERVER_SECRET = "AKIASERVERSOWNKEY", "the-servers-own-secret"
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class StsFaultError(Exception):
    """An error as STS answers it."""

    def __init__(self, code: str, status: int = 403, message: str = "") -> None:
        super().__init__(code)
        self.code, self.status, self.message = code, status, message


@dataclass(kw_only=True)
class Role:
    """A role as its trust policy lets it be assumed."""

    external_id: str | None = None
    """What sts:ExternalId must be like; None: there is no such condition."""
    longest_s: int = 3600
    takes_source_identity: bool = False
    takes_policies: bool = True


@dataclass(kw_only=True)
class Session:
    """What was given, and to what request."""

    role_arn: str
    asked: Mapping[str, str]
    access_key_id: str
    secret_access_key: str
    token: str
    expires_at: datetime


@dataclass(kw_only=True)
class Sts:
    """Roles, sessions, what time it is, and what is to be answered in place of an answer."""

    roles: dict[str, Role] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    """Status, content type and body of the next answers, one each."""

    def assume(self, asked: Mapping[str, str]) -> Session:
        """Answers AssumeRole. Raises StsFaultError."""
        if asked["Action"] != "AssumeRole":
            raise StsFaultError("InvalidAction", 400)
        params = {name: value for name, value in asked.items() if name not in ("Action", "Version")}
        typed = {
            **params,
            **({"DurationSeconds": int(params["DurationSeconds"])} if "DurationSeconds" in params else {}),
        }
        report = ParamValidator().validate(typed, MODEL.operation_model("AssumeRole").input_shape)
        if report.has_errors() or not SESSION_NAME.fullmatch(params["RoleSessionName"]):
            raise StsFaultError("ValidationError", 400, report.generate_report())
        role = self.roles.get(params["RoleArn"])
        is_trusted = role is not None and (
            role.external_id is None or fnmatch.fnmatchcase(params.get("ExternalId", ""), role.external_id)
        )
        if role is None or not is_trusted or ("SourceIdentity" in params and not role.takes_source_identity):
            # AWS says the same of a role that is not there.
            message = (
                f"User: arn:aws:iam::1:user/server is not authorized to perform: sts:AssumeRole on {params['RoleArn']}"
            )
            raise StsFaultError("AccessDenied", 403, message)
        duration = typed.get("DurationSeconds", 3600)
        if not 900 <= duration <= role.longest_s:
            raise StsFaultError("ValidationError", 400, "The requested DurationSeconds exceeds the MaxSessionDuration")
        if "Policy" in params and not role.takes_policies:
            raise StsFaultError("MalformedPolicyDocument", 400)
        made = Session(
            role_arn=params["RoleArn"],
            asked=asked,
            access_key_id="ASIA" + secrets.token_hex(8).upper(),
            secret_access_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(120),
            expires_at=self.now() + timedelta(seconds=duration),
        )
        self.sessions.append(made)
        return made


@contextmanager
def running_sts(*, host: str = "127.0.0.1") -> Iterator[tuple[Sts, str]]:
    """Runs an STS, in the network namespace of the calling thread; gives it and its URL."""
    sts = Sts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if sts.failures:
                status, content_type, text = sts.failures.pop(0)
                self._send(status, text, content_type)
                return
            try:
                _require_signature(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                asked = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
                self._send(200, _answer(sts.assume(asked)))
            except StsFaultError as fault:
                self._send(fault.status, error_xml(fault.code, fault.message))

        def _send(self, status: int, text: str, content_type: str = "text/xml") -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    with served(Handler, host=host) as url:
        yield sts, url


def error_xml(code: str, message: str = "") -> str:
    """An error in AWS's query protocol."""
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )


def _answer(made: Session) -> str:
    ends = made.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<AssumeRoleResponse xmlns="{NAMESPACE}"><AssumeRoleResult><Credentials>'
        f"<AccessKeyId>{made.access_key_id}</AccessKeyId><SecretAccessKey>{made.secret_access_key}</SecretAccessKey>"
        f"<SessionToken>{made.token}</SessionToken><Expiration>{ends}</Expiration></Credentials>"
        "</AssumeRoleResult></AssumeRoleResponse>"
    )


def _require_signature(path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Makes the signature anew from what was sent, with the secret of the key that it names."""
    told = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/([a-z0-9-]+)/sts/aws4_request, SignedHeaders=(\S+), "
        r"Signature=(\S+)",
        headers.get("authorization", ""),
    )
    if told is None:
        raise StsFaultError("MissingAuthenticationToken")
    if told[1] != SERVER_KEY:
        raise StsFaultError("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
    signed = {name: value for name, value in headers.items() if name in told[4].split(";")}
    request = AWSRequest("POST", f"http://{headers['host']}{path}", headers=signed, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(SERVER_KEY, SERVER_SECRET), "sts", told[3])
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    if not secrets.compare_digest(expected, told[5]):
        raise StsFaultError("SignatureDoesNotMatch")
