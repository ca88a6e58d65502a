"""Clients of AWS's services that go an import's way."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from tests.contract.kms_server import running_kms

from outcrop.adapters.cut_answers import whole_answers
from outcrop.adapters.outbound import DEFAULT, Outbound
from outcrop.errors import NetworkRefusedError

Calls = dict[str, Callable[[Any], Any]]

CALLS: Calls = {
    "s3": lambda client: client.list_objects_v2(Bucket="b"),
    "sts": lambda client: client.assume_role(RoleArn="arn:aws:iam::000000000000:role/a", RoleSessionName="ab"),
    "kms": lambda client: client.describe_key(KeyId="a"),
}


def session() -> boto3.Session:
    """Credentials that are not secret."""
    return whole_answers(boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"))


def client(outbound: Outbound, service: str) -> Any:
    """A client that tries once."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return outbound.client(session(), service, config=config, region_name="us-east-1")


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_connection_is_opened_by_the_dial(service: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says of proxies; the name is the dial's to resolve."""
    monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    dialed: list[tuple[str, int]] = []

    def dial(host: str, port: int, timeout_s: float | None) -> socket.socket:
        assert timeout_s == 60
        dialed.append((host, port))
        raise ConnectionRefusedError(111, "no")

    def connect(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    made = client(Outbound(dial=dial, endpoints={service: f"{scheme}://oc.test:8443"}), service)

    with pytest.raises(EndpointConnectionError):
        CALLS[service](made)

    assert dialed == [("oc.test", 8443)]


def test_a_refusal_comes_out_as_it_is() -> None:
    """Botocore neither wraps it nor tries again."""
    refusals: list[str] = []

    def dial(host: str, _port: int, _timeout_s: float | None) -> socket.socket:
        refusals.append(host)
        raise NetworkRefusedError("not there")

    made = Outbound(dial=dial, endpoints={"kms": "http://oc.test"}).client(
        session(), "kms", config=Config(retries={"mode": "standard", "total_max_attempts": 3}), region_name="us-east-1"
    )

    with pytest.raises(NetworkRefusedError, match="not there"):
        made.describe_key(KeyId="a")

    assert refusals == ["oc.test"]


def test_a_service_is_spoken_to_over_what_the_dial_opened() -> None:
    """By its name, wherever the dial leads."""
    with running_kms() as (kms, url):
        port = int(url.rpartition(":")[2])
        key = kms.make_key()
        made = client(
            Outbound(
                dial=lambda _host, _port, timeout_s: socket.create_connection(("127.0.0.1", port), timeout_s),
                endpoints={"kms": "http://kms.oc.test"},
            ),
            "kms",
        )

        described = made.describe_key(KeyId=key)["KeyMetadata"]
        made.close()

    assert described["Arn"] == key


def test_by_default_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the endpoint of the environment nor how connections are made."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")

    made = client(DEFAULT, "kms")

    assert made.meta.endpoint_url == "http://127.0.0.1:9"
    pool = made._endpoint.http_session._pool_classes_by_scheme["http"]
    assert "opened" not in pool.ConnectionCls._new_conn.__qualname__
