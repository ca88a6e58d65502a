"""A KMS for tests: three operations of AWS's API over HTTP, with real encryption, and failures to order.

It keeps to AWS's model: requests and answers are validated by botocore against it, as the client at the other end does.
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.loopback import served

MODEL = botocore.session.get_session().get_service_model("kms")
ID_BYTES, NONCE_BYTES = 16, 12


class KmsFaultError(Exception):
    """An error as KMS answers it."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(kw_only=True)
class KmsKey:
    """A key."""

    arn: str
    usage: str = "ENCRYPT_DECRYPT"
    spec: str = "SYMMETRIC_DEFAULT"
    state: str = "Enabled"
    denied: set[str] = field(default_factory=set)
    """Actions that the key's policy refuses, such as `Decrypt`."""
    material: bytes = field(default_factory=lambda: secrets.token_bytes(32))


class Kms:
    """Keys, aliases, what was asked, and what is to be answered in place of an answer."""

    def __init__(self) -> None:
        self.keys: dict[str, KmsKey] = {}
        self.aliases: dict[str, str] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        """Operation and encryption context of each request."""
        self.given: list[bytes] = []
        """Every data key that left it, in plaintext."""
        self.failures: list[tuple[str, int]] = []
        """Code and status of the next answers, one each."""

    def make_key(self, *, account: str = "000000000000", region: str = "us-east-1", **facts: str) -> str:
        """Makes a key and returns its ARN."""
        arn = f"arn:aws:kms:{region}:{account}:key/{uuid.uuid4()}"
        self.keys[arn] = KmsKey(arn=arn, **facts)
        return arn

    def alias(self, name: str, arn: str) -> None:
        """Gives a key a name, such as `alias/a`."""
        self.aliases[arn.rpartition(":key/")[0] + ":" + name] = arn

    def answer(self, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answers a request. Raises KmsFaultError."""
        self.asked.append((operation, params.get("EncryptionContext", {})))
        if self.failures:
            raise KmsFaultError(*self.failures.pop(0))
        key = self._find(params["KeyId"])
        if operation in key.denied:
            raise KmsFaultError("AccessDeniedException")
        return {"DescribeKey": self._describe, "GenerateDataKey": self._generate, "Decrypt": self._decrypt}[operation](
            key, params
        )

    def _find(self, named: str) -> KmsKey:
        arn = self.aliases.get(named, named)
        if arn not in self.keys:
            raise KmsFaultError("NotFoundException")
        return self.keys[arn]

    def _describe(self, key: KmsKey, _params: Mapping[str, Any]) -> Mapping[str, Any]:
        region, account = key.arn.split(":")[3:5]
        return {
            "KeyMetadata": {
                "AWSAccountId": account,
                "KeyId": key.arn.rpartition("/")[2],
                "Arn": key.arn,
                "CreationDate": datetime(2026, 1, 1, tzinfo=UTC),
                "Enabled": key.state == "Enabled",
                "Description": region,
                "KeyUsage": key.usage,
                "KeyState": key.state,
                "Origin": "AWS_KMS",
                "KeyManager": "CUSTOMER",
                "KeySpec": key.spec,
            }
        }

    def _generate(self, key: KmsKey, params: Mapping[str, Any]) -> Mapping[str, Any]:
        _require_usable(key)
        plaintext, nonce = secrets.token_bytes(32), secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key.material).encrypt(nonce, plaintext, _associated(params))
        self.given.append(plaintext)
        blob = uuid.UUID(key.arn.rpartition("/")[2]).bytes + nonce + sealed
        return {"Plaintext": plaintext, "CiphertextBlob": blob, "KeyId": key.arn}

    def _decrypt(self, key: KmsKey, params: Mapping[str, Any]) -> Mapping[str, Any]:
        _require_usable(key)
        blob = params["CiphertextBlob"]
        if blob[:ID_BYTES] != uuid.UUID(key.arn.rpartition("/")[2]).bytes:
            raise KmsFaultError("IncorrectKeyException")
        nonce, sealed = blob[ID_BYTES : ID_BYTES + NONCE_BYTES], blob[ID_BYTES + NONCE_BYTES :]
        try:
            plaintext = AESGCM(key.material).decrypt(nonce, sealed, _associated(params))
        except InvalidTag:
            raise KmsFaultError("InvalidCiphertextException") from None
        return {"Plaintext": plaintext, "KeyId": key.arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


def _require_usable(key: KmsKey) -> None:
    if key.usage != "ENCRYPT_DECRYPT":
        raise KmsFaultError("InvalidKeyUsageException")
    if key.state != "Enabled":
        raise KmsFaultError("DisabledException" if key.state == "Disabled" else "KMSInvalidStateException")


def _associated(params: Mapping[str, Any]) -> bytes:
    return json.dumps(params.get("EncryptionContext", {}), sort_keys=True).encode()


@contextmanager
def running_kms(*, host: str = "127.0.0.1") -> Iterator[tuple[Kms, str]]:
    """Runs a KMS, in the network namespace of the calling thread; gives it and its URL."""
    kms = Kms()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["x-amz-target"].removeprefix(f"{MODEL.metadata['targetPrefix']}.")
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert "/kms/aws4_request" in self.headers["authorization"]
            shapes = MODEL.operation_model(operation)
            params = {
                name: base64.b64decode(value) if shapes.input_shape.members[name].type_name == "blob" else value
                for name, value in body.items()
            }
            _validate(params, shapes.input_shape)
            try:
                answer = kms.answer(operation, params)
            except KmsFaultError as fault:
                self._send(fault.status, {"__type": fault.code, "message": fault.code})
            else:
                _validate(answer, shapes.output_shape)
                self._send(200, answer)

        def _send(self, status: int, document: Mapping[str, Any]) -> None:
            data = json.dumps(document, default=_plain).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    with served(Handler, host=host) as url:
        yield kms, url


def _validate(params: Mapping[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(params, shape)
    assert not report.has_errors(), report.generate_report()


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    assert isinstance(value, datetime)
    return value.timestamp()
