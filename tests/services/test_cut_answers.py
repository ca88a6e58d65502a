"""Answers that break off at any byte: asked for again, and never taken for whole ones."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.parsers import ResponseParserError

from outcrop.adapters.cut_answers import WebPageError, whole_answers
from outcrop.adapters.http_ranges import Hangup, HttpBrokenError, HttpRanges, HttpStrangeError
from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.adapters.whole import Whole
from outcrop.errors import SourceUnusableError, UnavailableError
from outcrop.records import SourceLocation, SourceObject
from tests.services.cutting_server import CuttingServer, cutting_server

XML = (
    b'<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>'
    b"<Contents><Key>k</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents></ListBucketResult>"
)
MADE = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
PAGE = b"<html><head><title>Console</title></head><body><p>Log in</p></body></html>"


def answer(body: bytes, *more: str, status: str = "200 OK") -> bytes:
    """An answer with its length told first, where nothing after it is missed."""
    return head(status, f"Content-Length: {len(body)}", *more) + body


def chunked(body: bytes, *more: str) -> bytes:
    """The same in chunks, with sizes that have leading zeros, as some servers write them."""
    half = len(body) // 2
    chunks = b"".join(b"%06x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]))
    return head("200 OK", "Transfer-Encoding: chunked", *more) + chunks + b"0\r\n\r\n"


def head(status: str, *headers: str) -> bytes:
    """A head."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers, "")).encode()


@pytest.fixture
def server() -> Iterator[CuttingServer]:
    """A server."""
    with cutting_server() as running:
        yield running


def client(server: CuttingServer, service: str, *, attempts: int = 1) -> Any:
    """A client that asks so often."""
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return whole_answers(session).client(
        service,
        endpoint_url=server.url,
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}, s3={"addressing_style": "path"}),
    )


CALLS: list[tuple[str, Callable[[Any], Any], bytes]] = [
    ("s3", lambda s3: [item["Key"] for item in s3.list_objects_v2(Bucket="b")["Contents"]], answer(XML)),
    ("s3", lambda s3: [item["Key"] for item in s3.list_objects_v2(Bucket="b")["Contents"]], chunked(XML)),
    ("s3", lambda s3: s3.create_multipart_upload(Bucket="b", Key="k")["UploadId"], answer(MADE)),
    (
        "s3",
        lambda s3: s3.head_object(Bucket="b", Key="k")["ChecksumCRC64NVME"],
        head("200 OK", "Content-Length: 1234", 'ETag: "e"', "x-amz-checksum-crc64nvme: AAAAAAAAAAA="),
    ),
    (
        "s3",
        lambda s3: s3.upload_part(Bucket="b", Key="k", UploadId="u", PartNumber=1, Body=b"x")["ETag"],
        head("200 OK", "Content-Length: 0", 'ETag: "e"'),
    ),
    (
        "kms",
        lambda kms: kms.describe_key(KeyId="k")["KeyMetadata"]["KeyState"],
        answer(b'{"KeyMetadata": {"KeyId": "k", "KeyState": "Enabled"}}', "Content-Type: application/x-amz-json-1.1"),
    ),
    (
        "sts",
        lambda sts: sts.get_caller_identity()["Account"],
        answer(
            b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>000000000000</Account>"
            b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    ),
]


@pytest.mark.parametrize(("service", "call", "whole"), CALLS)
def test_an_answer_cut_at_any_byte_is_a_broken_connection(
    server: CuttingServer, service: str, call: Callable[[Any], Any], whole: bytes
) -> None:
    """Status line, headers, body, sizes of chunks: nothing that is cut comes back as an answer."""
    asked = client(server, service)
    server.answers.append(whole)
    expected = call(asked)

    for length in range(len(whole)):
        server.answers[0] = whole[:length]
        try:
            found = call(asked)
        except HTTPClientError:
            continue
        except ResponseParserError:
            pytest.fail(f"cut at {length}, it was read as an answer: {whole[:length]!r}")
        # Only what says that there is nothing more may be missing.
        assert (found, whole[length:].strip(b"\r\n")) == (expected, b"")


def test_a_cut_answer_is_asked_for_again(server: CuttingServer) -> None:
    """The client's own retries see a broken connection."""
    asked = client(server, "s3", attempts=3)
    server.answers.extend([answer(MADE)[:15], answer(MADE)[:-20], answer(MADE)])

    assert asked.create_multipart_upload(Bucket="b", Key="k")["UploadId"] == "u"
    assert len(server.asked) == 3


def test_the_answer_to_a_body_that_was_announced_is_held_likewise(server: CuttingServer) -> None:
    """An answer that comes before the body was sent (Expect: 100-continue) is read by a class of botocore's own."""
    asked = client(server, "s3")
    whole = head("200 OK", "Content-Length: 0", 'ETag: "e"')

    for length in range(len(whole)):
        server.answers.clear()
        server.answers.append(whole[:length])
        with pytest.raises(BotoCoreError):
            asked.put_object(Bucket="b", Key="k", Body=b"x")


def test_an_empty_success_of_unknown_length_is_no_answer(server: CuttingServer) -> None:
    """A body that ends with its connection may have ended before it began."""
    server.answers.append(head("200 OK", "Connection: close"))

    with pytest.raises(HTTPClientError):
        client(server, "s3").create_multipart_upload(Bucket="b", Key="k")


@pytest.mark.parametrize("service", ["s3", "kms"])
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "403 Forbidden"])
def test_a_page_is_no_answer(server: CuttingServer, service: str, status: str) -> None:
    """A console, a proxy or a login page is told as what it is, whatever its status."""
    server.answers.append(answer(PAGE, "Content-Type: text/html; charset=utf-8", status=status))
    call = {"s3": lambda s3: s3.list_objects_v2(Bucket="b"), "kms": lambda kms: kms.describe_key(KeyId="k")}[service]

    with pytest.raises(WebPageError, match="web page"):
        call(client(server, service))


DATA = bytes(range(48, 58)) * 20


def read(server: CuttingServer, ranges: HttpRanges, sink: Whole) -> bytes:
    """Reads 200 bytes of 1000."""
    ranges.read(f"{server.url}/b/k", 0, 200, etag='"e"', size_bytes=1000, sink=sink, hangup=Hangup())
    return bytes(sink.data)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_range_cut_at_any_byte_is_broken(server: CuttingServer, *, is_chunked: bool) -> None:
    """What was received of it is good, and no more than that."""
    headers = ("Content-Range: bytes 0-199/1000", 'ETag: "e"')
    whole = chunked(DATA, *headers) if is_chunked else answer(DATA, *headers)
    whole = whole.replace(b"200 OK", b"206 Partial Content")
    server.answers.append(whole)
    ranges = HttpRanges()
    assert read(server, ranges, Whole(200)) == DATA

    for length in range(len(whole)):
        server.answers[0] = whole[:length]
        sink = Whole(200)
        try:
            found = read(server, ranges, sink)
        except HttpBrokenError:
            received = 200 - len(sink.room())
            assert bytes(sink.data[:received]) == DATA[:received]
        else:
            assert found == DATA


def test_a_refusal_cut_at_any_byte_is_broken(server: CuttingServer) -> None:
    """Without its code, an expired credential would look like a denied one, and end the import."""
    whole = answer(b"<Error><Code>ExpiredToken</Code></Error>", status="400 Bad Request")

    for length in range(len(whole)):
        server.answers.clear()
        server.answers.append(whole[:length])
        with pytest.raises(HttpBrokenError):
            read(server, HttpRanges(), Whole(200))


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "403 Forbidden"])
def test_a_page_in_place_of_an_object_is_told_as_a_page(server: CuttingServer, status: str) -> None:
    """It is neither a changed object nor a missing one."""
    server.answers.append(answer(PAGE, "Content-Type: text/html", status=status))

    with pytest.raises(HttpStrangeError, match=f"it answered {status[:3]} with a web page"):
        read(server, HttpRanges(), Whole(200))


def store(server: CuttingServer, monkeypatch: pytest.MonkeyPatch) -> S3ObjectStore:
    """The server as a store."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return S3ObjectStore(session, {})


@pytest.mark.anyio
@pytest.mark.parametrize(
    "page",
    [
        answer(PAGE, "Content-Type: text/html"),
        answer(b"<Welcome/>", "Content-Type: application/xml"),
        answer(b"", "Content-Type: text/plain"),
    ],
)
async def test_what_is_no_list_is_not_an_empty_bucket(
    server: CuttingServer, monkeypatch: pytest.MonkeyPatch, page: bytes
) -> None:
    """The message names the endpoint, which is what is wrong."""
    server.answers.append(page)

    with pytest.raises(SourceUnusableError, match=f"{server.url} is no S3 endpoint"):
        [item async for item in store(server, monkeypatch).list(SourceLocation.parse("s3://models/m"))]


@pytest.mark.anyio
async def test_a_page_in_the_middle_of_a_copy_may_pass(server: CuttingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's page is waited out, and told if it stays."""
    server.answers.append(answer(PAGE, "Content-Type: text/html"))
    source = SourceObject(bucket="models", key="k", size_bytes=1000, etag='"e"')

    with pytest.raises(UnavailableError, match="a web page in place of the object"):
        await store(server, monkeypatch).read(source, 0, 10)
