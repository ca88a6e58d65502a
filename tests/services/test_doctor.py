"""`outcrop doctor` against real servers that are wrong in one way each: the layer, the words and the cure."""

import base64
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import boto3
import pytest

from outcrop.adapters.clock_system import SystemClock
from outcrop.app.doctor_store import examine_store
from outcrop.doctor.outcomes import EXIT_WELL, EXIT_WRONG, Outcome, State, exit_status
from outcrop.records import SourceLocation
from tests.services.certificates import Authority
from tests.services.cutting_server import cutting_server
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3
from tests.services.faulty_state import Refusing

pytestmark = pytest.mark.anyio

LAYERS = [
    *("endpoint", "name", "connection", "certificate", "protocol", "clock", "credentials", "signature", "region"),
    *("addressing", "bucket", "permission", "objects", "reading", "checksum"),
]


@pytest.fixture
def server() -> Iterator[FaultyS3]:
    """A store with a model."""
    with faulty_s3(["models"]) as state:
        fill(state)
        yield state


def fill(state: FaultyS3) -> None:
    """Puts what looks like a model."""
    checksum = {"x-amz-checksum-crc64nvme": base64.b64encode(bytes(8)).decode()}
    state.put("models", "m/config.json", b"{}", checksum)
    state.put("models", "m/model.safetensors", bytes(100))


async def examined(
    url: str,
    *,
    uri: str = "s3://models/m/",
    keys: tuple[str, str] | None = ("id", "secret"),
    bundle: Path | None = None,
) -> list[Outcome]:
    """What the doctor says of a store."""

    def session() -> boto3.Session:
        if keys is None:
            return boto3.Session(region_name="us-east-1")
        return boto3.Session(aws_access_key_id=keys[0], aws_secret_access_key=keys[1], region_name="us-east-1")

    environment = {} if bundle is None else {"AWS_CA_BUNDLE": str(bundle)}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE"]:
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        if bundle is not None:
            patch.setenv("AWS_CA_BUNDLE", str(bundle))
        return await examine_store(
            SourceLocation.parse(uri),
            endpoint_url=url,
            open_session=session,
            environment=environment,
            clock=SystemClock(),
        )


def require_broken(outcomes: list[Outcome], layer: str, message: str, cure: str) -> None:
    """One thing is wrong, it is this one, and nothing after it was looked at."""
    broken = [outcome for outcome in outcomes if outcome.state is State.WRONG]
    assert [outcome.name for outcome in broken] == [layer], outcomes
    assert message in broken[0].message
    assert cure in broken[0].cure
    after = outcomes[outcomes.index(broken[0]) + 1 :]
    assert all(outcome.state is State.SKIPPED for outcome in after)
    assert exit_status(outcomes) == EXIT_WRONG


async def test_a_store_that_is_well_is_told_layer_by_layer(server: FaultyS3) -> None:
    """Each layer once, in order."""
    outcomes = await examined(server.url)

    assert [outcome.name for outcome in outcomes] == LAYERS
    assert {outcome.name for outcome in outcomes if outcome.state is not State.OK} == {"certificate"}
    assert exit_status(outcomes) == EXIT_WELL
    assert "CRC64NVME" in outcomes[-1].message
    assert "If-Match" in outcomes[-2].message


async def test_a_store_with_tls_is_well_with_its_authority(tmp_path: Path) -> None:
    """The bundle counts for every layer, ranged reads included."""
    authority = Authority(tmp_path)
    with faulty_s3(["models"], tls=authority.server()) as state:
        fill(state)
        outcomes = await examined(state.url, bundle=authority.bundle)

    assert {outcome.state for outcome in outcomes} == {State.OK}, outcomes


async def test_credentials_are_never_shown(server: FaultyS3) -> None:
    """Where they were found is enough."""
    outcomes = await examined(server.url, keys=("AKIAEXAMPLEID", "very-secret-key"))

    assert "explicit" in next(outcome for outcome in outcomes if outcome.name == "credentials").message
    assert "AKIAEXAMPLEID" not in str(outcomes)
    assert "very-secret-key" not in str(outcomes)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:9000", "not an http(s) URL"),
        ("ftp://localhost", "not an http(s) URL"),
        ("http://models.localhost:1", "the name of the bucket models"),
        ("http://localhost:1/models", "the name of the bucket models"),
        ("http://localhost:1/?x=y", "more than where the store is"),
    ],
)
async def test_an_endpoint_of_a_wrong_form(url: str, message: str) -> None:
    """Before anything is connected."""
    require_broken(await examined(url), "endpoint", message, "AWS_ENDPOINT_URL_S3")


async def test_a_name_that_is_not_known() -> None:
    """RFC 6761 keeps `.invalid` for this."""
    outcomes = await examined("http://store.invalid:9000")

    require_broken(outcomes, "name", "store.invalid", "getent hosts store.invalid")


async def test_a_port_that_nobody_listens_at() -> None:
    """The address is told."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    require_broken(await examined(f"http://127.0.0.1:{port}"), "connection", "connection refused", "Start the store")


@pytest.mark.parametrize(
    ("certificate", "message", "cure"),
    [
        ({"ends": -timedelta(hours=1)}, "has expired", "Renew it"),
        ({"begins": timedelta(hours=1)}, "is not valid yet", "clock"),
        ({"name": "other.example"}, "is for another name", "Name the store in the endpoint"),
    ],
)
async def test_a_certificate_that_is_wrong(
    tmp_path: Path, certificate: dict[str, timedelta], message: str, cure: str
) -> None:
    """What is wrong with it, and not only that it is."""
    authority = Authority(tmp_path)
    with faulty_s3(["models"], tls=authority.server(**certificate)) as state:  # type: ignore[arg-type]  # a name is a str
        outcomes = await examined(state.url, bundle=authority.bundle)

    require_broken(outcomes, "certificate", message, cure)


async def test_a_certificate_of_an_unknown_authority(tmp_path: Path) -> None:
    """The cure names the setting."""
    with faulty_s3(["models"], tls=Authority(tmp_path).server()) as state:
        outcomes = await examined(state.url)

    require_broken(outcomes, "certificate", "authority that the built-in list does not hold", "Set AWS_CA_BUNDLE")


async def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "empty.pem").write_text("nothing")
    with faulty_s3(["models"], tls=Authority(tmp_path).server()) as state:
        outcomes = await examined(state.url, bundle=tmp_path / "empty.pem")

    require_broken(outcomes, "certificate", f"{tmp_path}/empty.pem", "Set AWS_CA_BUNDLE")


async def test_tls_where_there_is_none(server: FaultyS3) -> None:
    """https:// for a server that speaks HTTP."""
    outcomes = await examined(server.url.replace("http:", "https:"))

    require_broken(outcomes, "certificate", "does not speak TLS", "http://")


async def test_http_where_there_is_tls(tmp_path: Path) -> None:
    """http:// for a server that speaks TLS."""
    with faulty_s3(["models"], tls=Authority(tmp_path).server()) as state:
        outcomes = await examined(state.url.replace("https:", "http:"))

    assert [outcome.name for outcome in outcomes if outcome.state is State.WRONG] == ["protocol"]
    require_broken(outcomes, "protocol", "may speak TLS", "https://")


async def test_a_web_server_is_no_store(server: FaultyS3) -> None:
    """A console's port, the most frequent mistake."""
    page = b"<html><title>Console</title></html>"
    server.refusing = Refusing(status=200, body=page, headers={"Content-Type": "text/html"}, is_for_all=True)

    require_broken(await examined(server.url), "protocol", "is no S3 endpoint", "not that of its console")


async def test_something_that_is_no_http_server() -> None:
    """A database's port."""
    with cutting_server() as other:
        other.answers.append(b"ERROR: unknown command\r\n")
        outcomes = await examined(other.url)

    require_broken(outcomes, "protocol", "does not answer in HTTP", "https://")


@pytest.mark.parametrize("minutes", [-20, 20])
async def test_clocks_that_differ(server: FaultyS3, minutes: int) -> None:
    """By more than a signature bears."""
    server.date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)

    require_broken(await examined(server.url), "clock", "ahead of" if minutes < 0 else "behind", "timedatectl")


async def test_no_credentials(server: FaultyS3) -> None:
    """The variables are named."""
    require_broken(await examined(server.url, keys=None), "credentials", "no AWS credentials", "AWS_ACCESS_KEY_ID")


REFUSALS = [
    (403, "RequestTimeTooSkewed", "", "clock", "differ by more than a signature bears", "timedatectl"),
    (403, "InvalidAccessKeyId", "", "credentials", "does not know the access key id", "AWS_ACCESS_KEY_ID"),
    (403, "SignatureDoesNotMatch", "", "signature", "is not that of the access key id", "AWS_SECRET_ACCESS_KEY"),
    (400, "ExpiredToken", "", "credentials", "have expired", "AWS_SESSION_TOKEN"),
    (
        *(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
        *("region", "is in eu-west-1, and was asked for in us-east-1", "AWS_REGION=eu-west-1"),
    ),
    (301, "PermanentRedirect", "", "region", "is elsewhere (301 PermanentRedirect), and not where", "AWS_REGION"),
    (404, "NoSuchBucket", "", "bucket", "The bucket models does not exist", "aws s3 ls"),
    (403, "AccessDenied", "", "permission", "lack s3:ListBucket on s3://models", "Allow s3:ListBucket"),
    (501, "NotImplemented", "", "protocol", "does not know how to list a bucket", "AWS_ENDPOINT_URL_S3"),
    (503, "SlowDown", "", "protocol", "is not well: 503 SlowDown", "log"),
]


@pytest.mark.parametrize(("status", "code", "more", "layer", "message", "cure"), REFUSALS)
async def test_each_refusal_is_told_by_its_layer(
    server: FaultyS3, status: int, code: str, more: str, layer: str, message: str, cure: str
) -> None:
    """The codes of S3, and what each says."""
    server.refusing = Refusing.with_code(status, code, more)

    require_broken(await examined(server.url), layer, message, cure)


async def test_a_server_that_sends_its_clients_on(server: FaultyS3) -> None:
    """From http:// to https://, as web servers do."""
    page = {"Location": "https://127.0.0.1:9443/", "Content-Type": "application/xml"}
    server.refusing = Refusing(status=308, body=b"", headers=page)

    require_broken(await examined(server.url), "endpoint", "https://127.0.0.1:9443/", "AWS_ENDPOINT_URL_S3")


async def test_a_prefix_with_nothing_under_it(server: FaultyS3) -> None:
    """Everything works, and there is no model."""
    outcomes = await examined(server.url, uri="s3://models/other/")

    require_broken(outcomes, "objects", "nothing at s3://models/other/", "aws s3 ls")


async def test_objects_that_may_not_be_read(server: FaultyS3) -> None:
    """s3:ListBucket is there and s3:GetObject is not."""
    server.fault_for_all = Fault.DENIED

    require_broken(await examined(server.url), "reading", "lack s3:GetObject", "arn:aws:s3:::models/*")


async def test_a_store_that_overlooks_if_match_is_told(server: FaultyS3) -> None:
    """It is no fault: ETags are compared here."""
    server.fault_for_all = Fault.IF_MATCH_OVERLOOKED
    outcomes = await examined(server.url)

    assert "overlooks If-Match" in next(outcome for outcome in outcomes if outcome.name == "reading").message
    assert exit_status(outcomes) == EXIT_WELL
