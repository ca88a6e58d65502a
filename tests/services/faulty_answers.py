"""How the misbehaving S3 server of faulty_s3.py reads requests and writes answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.services.faulty_state import FaultyS3

_REGION = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/s3/")
_PAYER = "x-amz-request-payer=requester"
_SIGNER = re.compile(r"Credential=([A-Za-z0-9]+)/")


class Answers(BaseHTTPRequestHandler):
    """A handler that knows HTTP, and no S3."""

    state: FaultyS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Tells nobody."""

    def parse_request(self) -> bool:
        """Reads a request's head; one that is signed in an expired session is answered here."""
        if not super().parse_request():
            return False
        signer = _SIGNER.search(unquote(f"{self.path} {self.headers.get('Authorization', '')}"))
        self.state.signers.append(signer[1] if signer else "")
        if self.state.signers[-1] not in self.state.ended_keys:
            return True
        self.refuse(400, "ExpiredToken")
        return False

    def date_time_string(self, timestamp: float | None = None) -> str:
        """What this server takes for the time."""
        return self.state.date or super().date_time_string(timestamp)

    def handle(self) -> None:
        """Serves a connection; a client that breaks off is no trouble."""
        with suppress(OSError):
            super().handle()

    def is_refused(self) -> bool:
        """Answers as the server was told to answer everybody, if it was."""
        refusing, dialect = self.state.refusing, self.state.dialect
        is_signed = "Authorization" in self.headers or "X-Amz-Signature" in self.path
        signed_for = _REGION.search(unquote(f"{self.path} {self.headers.get('Authorization', '')}"))
        if is_signed and dialect.region and signed_for is not None and signed_for[1] != dialect.region:
            self.answer(
                301,
                f"<Error><Code>PermanentRedirect</Code><Region>{dialect.region}</Region></Error>".encode(),
                {"x-amz-bucket-region": dialect.region, "Content-Type": "application/xml"},
            )
            return True
        if dialect.requires_payer and "x-amz-request-payer" not in self.headers and _PAYER not in self.path:
            self.refuse(403, "AccessDenied")
            return True
        if not (is_signed or dialect.is_public):
            self.refuse(403, "AccessDenied")
            return True
        if refusing is None or not (is_signed or refusing.is_for_all):
            return False
        self.answer(refusing.status, refusing.body, refusing.headers)
        return True

    def target(self) -> tuple[str, str, dict[str, str]]:
        """Returns bucket, key and query of a request."""
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        host, behind = self.headers.get("Host", ""), f".{self.state.dialect.is_virtual}"
        if self.state.dialect.is_virtual and host.partition(":")[0].endswith(behind):
            path = f"/{host.partition(':')[0].removesuffix(behind)}{path}"
        bucket, _, key = path.removeprefix("/").partition("/")
        return bucket, key, {name: each[0] for name, each in parse_qs(parts.query, keep_blank_values=True).items()}

    def body(self) -> bytes:
        """Reads what the client sends; SDKs that add a checksum after the body send it in chunks of their own."""
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return raw
        data, place = b"", 0
        while True:
            line, _, _ = raw[place:].partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                return data
            place += len(line) + 2
            data += raw[place : place + size]
            place += size + 2

    def refuse(self, status: int, code: str, message: str = "as told", more: str = "") -> None:
        """Answers with an error."""
        body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"
        self.answer(status, body.encode(), {"Content-Type": "application/xml"})

    def xml(self, text: str) -> None:
        """Answers with a document."""
        self.answer(200, f'<?xml version="1.0"?>{text}'.encode())

    def answer(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answers."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
