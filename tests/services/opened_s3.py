"""Stores that tests open as a server would: with the variables and the configuration file given, and no others."""

from __future__ import annotations

import os
from collections.abc import Callable

import boto3
import pytest

from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.records import SourceLocation, SourceObject

Open = Callable[..., S3ObjectStore]

KEYS = [
    *("m/plain.bin", "m/with space.bin", "m/plus+and%percent.bin", "m/%2Fencoded%20.bin", "m/überzeugt-模型.bin"),
    *(
        "m//double.bin",
        "m/./dot.bin",
        "m/../up.bin",
        "m/a&b=c?d#e;f,g@h:i$j.bin",
        "m/quote'\"<>.bin",
        "m/tilde~(1)!*.bin",
    ),
]
"""Keys with what a key may hold."""


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what this machine knows of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, no_settings: None) -> Open:  # noqa: ARG001  # begins from none
    """Opens a store as a server would, with the variables and the configuration file given, and no others."""

    def open_store(
        url: str,
        *,
        keys: bool = True,
        credentials: tuple[str, str] = ("a", "b"),
        region: str = "us-east-1",
        environment: dict[str, str] | None = None,
        config: str = "/nonexistent",
    ) -> S3ObjectStore:
        variables = {"AWS_CONFIG_FILE": config, **(environment or {}), **({"AWS_ENDPOINT_URL_S3": url} if url else {})}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        secret = {"aws_access_key_id": credentials[0], "aws_secret_access_key": credentials[1]} if keys else {}
        return S3ObjectStore(boto3.Session(**secret, region_name=region), environment or {})

    return open_store


async def listed(store: S3ObjectStore, uri: str = "s3://models/m") -> list[SourceObject]:
    """What a list yields."""
    return [item async for item in store.list(SourceLocation.parse(uri))]


async def read_whole(store: S3ObjectStore, source: SourceObject) -> bytes:
    """Pins and reads an object."""
    await store.pin(source)
    return bytes(await store.read(source, 0, source.size_bytes))
