"""Requests that were right until something was changed in them, each made from its number alone.

Most are signed after the change, so that they get past the door; some are changed after they were signed.
"""

import gzip
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote_from_bytes

from botocore.utils import normalize_url_path

from outcrop.records import Principal

REGION = "us-east-1"
ARN = f"arn:aws:bedrock:{REGION}:123456789012:"
JOB_ARN, MODEL_ARN = f"{ARN}model-import-job/abcdefghijkl", f"{ARN}imported-model/abcdefghijkl"
TAGS = [{"key": "team", "value": "rocks"}]
MESSAGES = [{"role": "user", "content": [{"text": "hi"}]}]

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request as it goes over the wire."""

    method: str
    path: bytes
    query: bytes = b""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    document: Any = None
    """What the body says, while it is JSON."""


def _json(method: str, path: bytes, document: Any) -> Sent:
    return Sent(method=method, path=path, headers=[(b"content-type", b"application/json")], document=document)


BASES = [
    _json(
        "POST",
        b"/model-import-jobs",
        {
            "jobName": "job",
            "importedModelName": "model",
            "roleArn": "arn:aws:iam::123456789012:role/import",
            "modelDataSource": {"s3DataSource": {"s3Uri": "s3://bucket/model/"}},
            "jobTags": TAGS,
            "importedModelTags": TAGS,
            "clientRequestToken": "token-1",
            "vpcConfig": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]},
            "importedModelKmsKeyId": "alias/x",
        },
    ),
    _json(
        "POST",
        b"/model-import-jobs",
        {
            "jobName": "JOB",
            "importedModelName": "MODEL",
            "roleArn": "arn:aws:iam::123456789012:role/import",
            "modelDataSource": {"s3DataSource": {"s3Uri": "s3://bucket/model/"}},
        },
    ),
    Sent(method="GET", path=b"/model-import-jobs/job"),
    Sent(method="GET", path=b"/model-import-jobs/" + quote_from_bytes(JOB_ARN.encode(), safe="").encode()),
    Sent(method="GET", path=b"/model-import-jobs", query=b"maxResults=2&sortOrder=Ascending&nameContains=o"),
    Sent(
        method="GET",
        path=b"/model-import-jobs",
        query=b"creationTimeAfter=2026-01-02T03%3A04%3A05Z&statusEquals=InProgress&sortBy=CreationTime&nextToken=abc",
    ),
    Sent(method="GET", path=b"/imported-models", query=b"creationTimeBefore=2026-01-02T03%3A04%3A05Z&maxResults=9"),
    Sent(method="GET", path=b"/imported-models/model"),
    Sent(method="GET", path=b"/imported-models/" + MODEL_ARN.encode()),
    Sent(method="DELETE", path=b"/imported-models/model-2"),
    _json("POST", b"/tagResource", {"resourceARN": JOB_ARN, "tags": TAGS}),
    _json("POST", b"/untagResource", {"resourceARN": MODEL_ARN, "tagKeys": ["team"]}),
    _json("POST", b"/listTagsForResource", {"resourceARN": JOB_ARN}),
    _json("POST", b"/model/model/invoke", {"prompt": "hi", "max_gen_len": 5}),
    _json("POST", b"/model/model/invoke-with-response-stream", {"prompt": "hi"}),
    _json(
        "POST",
        b"/model/model/converse",
        {
            "messages": MESSAGES,
            "system": [{"text": "be kind"}],
            "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["x"]},
            "toolConfig": {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}}]},
            "requestMetadata": {"a": "b"},
        },
    ),
    _json("POST", b"/model/model/converse-stream", {"messages": MESSAGES}),
    _json("POST", b"/model/model/count-tokens", {"input": {"converse": {"messages": MESSAGES}}}),
]


def changed_request(number: int, principal: Principal, now: datetime) -> Sent:
    """Makes the request of that number."""
    chance = random.Random(number)  # to be made again, not to be unforeseen
    sent = chance.choice(BASES)
    if sent.document is not None and sent.document.get("jobName") == "JOB":
        sent = replace(
            sent, document={**sent.document, "jobName": f"job-{number}", "importedModelName": f"model-{number}"}
        )
    for _ in range(chance.randint(1, 3)):
        sent = chance.choice(CHANGES)(sent, chance)
    if sent.document is not None:
        sent = replace(sent, body=_dumped(sent.document), document=None)
    if chance.random() < 0.3:  # most bodies stay what they say they are
        sent = chance.choice(BODY_CHANGES)(sent, chance)
    sent = signed(sent, principal, now)
    if chance.random() < 0.15:  # most signatures hold
        sent = chance.choice(LATE_CHANGES)(sent, chance)
    return sent


def signed(sent: Sent, principal: Principal, now: datetime) -> Sent:
    """Signs a request as it stands, whatever is wrong with it."""
    date = f"{now:%Y%m%dT%H%M%SZ}"
    scope = f"{date[:8]}/{REGION}/bedrock/aws4_request"
    path = quote_from_bytes(normalize_url_path(sent.path.decode("latin-1")).encode("latin-1"), safe="/~")
    pairs = sorted(pair.decode("latin-1").partition("=")[::2] for pair in sent.query.split(b"&"))
    query = "&".join(f"{name}={value}" for name, value in pairs) if sent.query else ""
    digest = hashlib.sha256(sent.body).hexdigest()
    canonical = f"{sent.method}\n{path}\n{query}\nhost:localhost\nx-amz-date:{date}\n\nhost;x-amz-date\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{principal.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={principal.access_key_id}/{scope}, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    own = [(b"host", b"localhost"), (b"x-amz-date", date.encode()), (b"authorization", authorization.encode())]
    return replace(sent, headers=[*own, *sent.headers])


def _dumped(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


# --- what is changed ----------------------------------------------------------------------------------------------

Change = Callable[[Sent, random.Random], Sent]

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "FOO"]
PATH_PIECES = [
    b"/", b"//", b"/.", b"/../", b"%", b"%2F", b"%2f%2F", b"%00", b"%zz", b"%C3%A9", b"%ff", b"%25", b"+", b" ", b";a",
    b"\xc3\xa9", b"\xff", b"a" * 3000, b"arn:aws:bedrock:", b"*", b"'", b'"', b"{jobIdentifier}", b"%0d%0ax: y", b"#",
]  # fmt: skip
QUERIES = [
    b"", b"&", b"=", b"&&=&", b"maxResults", b"maxResults=", b"maxResults=0", b"maxResults=1001", b"maxResults=-1",
    b"maxResults=1e3", b"maxResults=" + b"9" * 400, b"maxResults=%31", b"maxResults=1&maxResults=x", b"nextToken=",
    b"nextToken=%ff", b"nextToken=" + b"x" * 2049, b"nextToken=AAAAAAAAAAAAAAAAAAAAAAAA", b"nextToken=a%20b",
    b"creationTimeAfter=0", b"creationTimeAfter=1e999", b"creationTimeBefore=9999-12-31T23:59:59-23:59",
    b"creationTimeBefore=0001-01-01T00:00:00%2B23:59", b"creationTimeAfter=2026-02-30T00:00:00Z",
    b"creationTimeAfter=-62135596801", b"nameContains=%", b"nameContains=a%25_", b"nameContains=" + b"-" * 63,
    b"nameContains=%00", b"statusEquals=Stopped", b"sortBy=Bogus", b"sortOrder=ascending", b"x=%ff", b"\xff=\xff",
    b"X-Amz-Signature=1", b"X-Amz-Algorithm=AWS4-HMAC-SHA256", b"Action=ListUsers&Version=1",
]  # fmt: skip
HEADERS = [
    (b"content-type", b""), (b"content-type", b"text/plain"), (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-type", b"application/json; charset=utf-16"), (b"content-type", b"application/cbor"),
    (b"content-type", b"\xff"), (b"content-encoding", b"gzip"), (b"content-encoding", b"br"),
    (b"transfer-encoding", b"chunked"), (b"expect", b"100-continue"), (b"expect", b"nonsense"),
    (b"x-amz-target", b"AmazonBedrock.ListFoundationModels"), (b"accept", b"text/html"), (b"accept", b"\xff"),
    (b"x-http-method-override", b"DELETE"), (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"), (b"cookie", b"a=b" * 999),
    (b"x-amz-content-sha256", b"0" * 64), (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    (b"x-amz-security-token", b"token"), (b"content-length", b"-1"), (b"content-length", b"9" * 50),
    (b"content-length", b"0"), (b"content-length", b"1,1"), (b"content-md5", b"x"), (b"range", b"bytes=0-1"),
    (b"x-amzn-bedrock-trace", b"BOGUS"), (b"x-amzn-bedrock-request-metadata", b"x" * 9000),
    (b"x-amzn-bedrock-guardrailidentifier", b"!"), (b"x-amzn-bedrock-service-tier", b"\xe9"), (b"te", b"trailers"),
]  # fmt: skip
STRINGS = [
    "", " ", "\0", "\ud800", "é", "😀", "a" + "-" * 61 + "!", "a" * 64, "a" * 3000, "aws:x", "null", "arn:aws:bedrock:",
    JOB_ARN, MODEL_ARN, ARN + "guardrail/abcdefghijkl", "s3://", "s3://a", "s3://bucket/a//b", "../../etc/passwd", "%s",
    "' OR 1=1 --", "${jndi:x}", "\r\nx: y", "job", "model", "1", "true", "2026-01-01T00:00:00Z", "\u202e",
]  # fmt: skip
VALUES: list[Callable[[random.Random], Any]] = [
    lambda chance: chance.choice(STRINGS),
    lambda chance: chance.choice([0, -1, 1, 2**31, -(2**31) - 1, 2**63, 2**64, 10**63, 10**70, 1.5, 1e308, -0.0]),
    lambda chance: chance.choice([None, True, False, [], {}, [None], [[]], {"": ""}, [{}]]),
    lambda chance: [chance.choice(STRINGS)] * chance.choice([1, 17, 201]),
    lambda chance: {chance.choice(STRINGS): chance.choice(STRINGS)},
    lambda chance: json.loads("[" * (depth := chance.choice([5, 63, 64, 65, 300])) + "]" * depth),
]


def _other_method(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, method=chance.choice(METHODS))


def _path(sent: Sent, chance: random.Random) -> Sent:
    at, piece = chance.randint(1, len(sent.path)), chance.choice(PATH_PIECES)
    return replace(sent, path=sent.path[:at] + piece + sent.path[at + chance.choice([0, 0, 1, 9]) :])


def _query(sent: Sent, chance: random.Random) -> Sent:
    added = chance.choice(QUERIES)
    return replace(sent, query=chance.choice([added, sent.query + b"&" + added, added + b"&" + sent.query]))


def _header(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, headers=[*sent.headers, chance.choice(HEADERS)])


def _no_headers(sent: Sent, _chance: random.Random) -> Sent:
    return replace(sent, headers=[])


def _value(sent: Sent, chance: random.Random) -> Sent:
    if sent.document is None:
        return _query(sent, chance)
    return replace(sent, document=_with_change(sent.document, chance))


def _with_change(value: Any, chance: random.Random) -> Any:
    """A copy with one value somewhere inside replaced, left out, or added."""
    is_here = not isinstance(value, dict | list) or not value or chance.random() < 0.1  # seldom at the top
    if is_here:
        return chance.choice(VALUES)(chance)
    if isinstance(value, list):
        at = chance.randrange(len(value))
        return [*value[:at], _with_change(value[at], chance), *value[at + 1 :]]
    name = chance.choice(sorted(value))
    changed = dict(value)
    how = chance.random()
    if how < 0.1:
        del changed[name]
    elif how < 0.2:
        changed[chance.choice([*STRINGS, name.upper()])] = chance.choice(VALUES)(chance)
    else:
        changed[name] = _with_change(value[name], chance)
    return changed


CHANGES: list[Change] = [_other_method, _path, _path, _query, _query, _header, _header, _no_headers, *[_value] * 8]


def _cut(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, body=sent.body[: chance.randint(0, len(sent.body))])


def _bytes(sent: Sent, chance: random.Random) -> Sent:
    body = bytearray(sent.body or b"{}")
    for _ in range(chance.randint(1, 4)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return replace(sent, body=bytes(body))


def _whole_body(sent: Sent, chance: random.Random) -> Sent:
    bodies = [
        b"", b" ", b"null", b"0", b'""', b"[]", b"{}{}", b"{", b"\xef\xbb\xbf{}", b'{"a":NaN}', b'{"a":1e999}',
        b"\x1f\x8b",
        b'{"jobName":"a","jobName":"b"}', b'{"maxResults":' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"a":' * 50_000,
        b'"' * 99_999, b"{" + b'"":{},' * 130_000 + b'"":0}', b"x" * (1024 * 1024 + 1), gzip.compress(sent.body),
        sent.body + b" " * 70_000, sent.body + b"\0", sent.body.decode("utf-8", "replace").encode("utf-16"),
    ]  # fmt: skip
    return replace(sent, body=chance.choice(bodies))


BODY_CHANGES: list[Change] = [_cut, _cut, _bytes, _bytes, _whole_body]


def _broken_header(sent: Sent, chance: random.Random) -> Sent:
    at = chance.randrange(len(sent.headers))
    name, value = sent.headers[at]
    position = chance.randint(0, len(value))
    pieces = [b"", b",", b"=", b" ", b"/", b"\xff", b"0", b"a" * 99]
    broken = value[:position] + chance.choice(pieces) + value[position + chance.choice([0, 1, 5]) :]
    return replace(sent, headers=[*sent.headers[:at], (name, broken), *sent.headers[at + 1 :]])


def _repeated_header(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, headers=[*sent.headers, chance.choice(sent.headers)])


def _lost_header(sent: Sent, chance: random.Random) -> Sent:
    at = chance.randrange(len(sent.headers))
    return replace(sent, headers=sent.headers[:at] + sent.headers[at + 1 :])


LATE_CHANGES: list[Change] = [
    _broken_header,
    _repeated_header,
    _lost_header,
    _path,
    _query,
    _cut,
    _bytes,
    _other_method,
]
