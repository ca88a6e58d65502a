"""An S3 vault on a server of our own, for the suites that every vault passes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
import pytest
from tests.services.faulty_s3 import FaultyS3, faulty_s3

from outcrop.adapters.vault_s3 import S3Vault


def open_vault(url: str, *, bucket: str = "vault", access_key_id: str = "a", secret_access_key: str = "b") -> S3Vault:
    """Opens a vault in a bucket, as a new process would."""
    session = boto3.Session(
        aws_access_key_id=access_key_id, aws_secret_access_key=secret_access_key, region_name="us-east-1"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", url)
        return S3Vault(session, {}, bucket=bucket, prefix="team/outcrop/", stall_s=5)


@contextmanager
def own_server() -> Iterator[tuple[FaultyS3, Callable[[], S3Vault]]]:
    """A server with an empty bucket, and how to open the vault in it."""
    with faulty_s3(["vault"]) as server:
        yield server, lambda: open_vault(server.url)
