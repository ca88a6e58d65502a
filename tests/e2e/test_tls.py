"""HTTPS, and the bearer tokens that need it."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from outcrop.api.principals import FRESH_S
from tests.e2e.servers import OUTCROP, RunningServer, running_server

LIST = "import boto3, json; print(json.dumps(boto3.client('bedrock').list_imported_models()['modelSummaries']))"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@pytest.fixture(scope="module")
def secure(
    certificate: tuple[Path, Path], buckets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server that speaks HTTPS."""
    cert, key = map(str, certificate)
    data = tmp_path_factory.mktemp("secure") / "data"
    with running_server(data, "--buckets", str(buckets), "--tls-cert", cert, "--tls-key", key) as server:
        yield server


def run_client(server: RunningServer, certificate: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Lists models in a process of its own, configured by environment variables only."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    url = server.variables["AWS_ENDPOINT_URL_BEDROCK"]
    environment = {
        **inherited,
        "AWS_ENDPOINT_URL_BEDROCK": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }
    return subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, env=environment, check=False)


def short_term_key(server: RunningServer) -> str:
    """A Bedrock API key, made as AWS's generator makes it: a presigned request, in base64."""
    request = AWSRequest(
        method="POST",
        url="https://bedrock.amazonaws.com/",
        headers={"host": "bedrock.amazonaws.com"},
        params={"Action": "CallWithBearerToken"},
    )
    keys = Credentials(server.variables["AWS_ACCESS_KEY_ID"], server.variables["AWS_SECRET_ACCESS_KEY"])
    SigV4QueryAuth(keys, "bedrock", "us-east-1", expires=3600).add_auth(request)
    presigned = request.url.removeprefix("https://") + "&Version=1"
    return "bedrock-api-key-" + base64.b64encode(presigned.encode()).decode()


def test_signed_requests_over_https(secure: RunningServer, certificate: tuple[Path, Path]) -> None:
    """boto3, with the certificate as its CA bundle."""
    assert secure.variables["AWS_ENDPOINT_URL_BEDROCK"].startswith("https://127.0.0.1:")
    session = boto3.Session(
        aws_access_key_id=secure.variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secure.variables["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    client = session.client(
        "bedrock", endpoint_url=secure.variables["AWS_ENDPOINT_URL_BEDROCK"], verify=str(certificate[0])
    )

    assert client.list_imported_models()["modelSummaries"] == []

    client.close()


def test_a_short_term_api_key_is_enough(secure: RunningServer, certificate: tuple[Path, Path]) -> None:
    """AWS_BEARER_TOKEN_BEDROCK in place of a signature (SPEC 1.7); botocore sends it over HTTPS only."""
    done = run_client(secure, certificate[0], AWS_BEARER_TOKEN_BEDROCK=short_term_key(secure))

    assert (done.returncode, json.loads(done.stdout or "null")) == (0, []), done.stderr


def test_a_long_term_api_key_is_its_users(secure: RunningServer, certificate: tuple[Path, Path]) -> None:
    """For as long as it is not taken away, and for what the user may do."""

    def access(*arguments: str) -> str:
        command = [*OUTCROP, "access", *arguments, "--data", str(secure.data)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    access("create", "ci", "--policy", "read")
    _, _, token = access("add-api-key", "ci", "--days", "1").strip().partition("=")
    done = run_client(secure, certificate[0], AWS_BEARER_TOKEN_BEDROCK=token)
    assert (done.returncode, json.loads(done.stdout or "null")) == (0, []), done.stderr

    access("policy", "ci", "invoke")
    access("delete", "ci")
    time.sleep(FRESH_S)
    done = run_client(secure, certificate[0], AWS_BEARER_TOKEN_BEDROCK=token)
    assert done.returncode != 0
    assert "AccessDeniedException" in done.stderr


@pytest.mark.parametrize("token", ["bedrock-api-key-rubbish", "ABSKrubbish", "x"])
def test_other_tokens_are_refused(secure: RunningServer, certificate: tuple[Path, Path], token: str) -> None:
    """With AWS's code, whatever is wrong with them."""
    done = run_client(secure, certificate[0], AWS_BEARER_TOKEN_BEDROCK=token)

    assert done.returncode == 1
    assert "AccessDeniedException" in done.stderr


def test_a_certificate_without_its_key_is_refused(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """Half of TLS is none."""
    with (
        pytest.raises(RuntimeError, match="--tls-key: is missing"),
        running_server(tmp_path / "d", "--tls-cert", str(certificate[0])),
    ):
        pass
