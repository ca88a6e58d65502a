"""A whole life with debug logs on, and then the search: no secret is anywhere but where it is kept on purpose."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from outcrop.adapters.catalog_sql import Database, SqlArtifactCatalog
from outcrop.adapters.clock_system import SystemClock
from outcrop.adapters.keys_kms import KmsKeys
from outcrop.adapters.keys_local import LocalKeyring
from outcrop.app.connect import running_server as server_of
from outcrop.arn import Tenant
from outcrop.imports.key_copies import open_copy
from outcrop.ports import KeyService
from outcrop.settings import Settings
from tests.contract.kms_server import Kms, running_kms
from tests.contract.sts_server import SERVER_KEY, SERVER_SECRET, Role, Sts, running_sts
from tests.e2e.servers import EXAMPLE, OUTCROP, ROLE, RunningServer, running_server
from tests.services.faulty_s3 import Fault, FaultyS3, faulty_s3
from tests.services.null_engine_server import null_engine_server

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a secret of the webhook's receiver").decode()
OWN = Tenant(account="000000000000", region="us-east-1")


@dataclass(kw_only=True)
class World:
    """What is outside of Outcrop, and what it is to keep to itself."""

    sts: Sts
    s3: FaultyS3
    kms: Kms
    environment: Mapping[str, str]
    flags: tuple[str, ...]
    secrets: dict[str, bytes] = field(default_factory=dict)
    """Every secret, by what it is."""
    seen: dict[str, bytes] = field(default_factory=dict)
    """What clients and other processes saw, by where."""


@pytest.fixture(params=["kms", "local"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """S3, STS, KMS, and a model; with KMS a real engine, whose process is looked at."""
    with contextlib.ExitStack() as stack:
        s3 = stack.enter_context(faulty_s3(["models", "closed"]))
        sts, sts_url = stack.enter_context(running_sts())
        kms, kms_url = stack.enter_context(running_kms())
        engine = stack.enter_context(null_engine_server())
        sts.roles[ROLE] = Role()
        for path in (EXAMPLE / "model").iterdir():
            s3.put("models", f"m/{path.name}", path.read_bytes())
        kms.alias("alias/outcrop", kms.make_key())
        flags = ("--log-level", "debug", "--log-format", "json", "--role-session-s", "900")
        if request.param == "kms":
            flags += ("--keys", "kms", "--kms-key", "alias/outcrop")
        else:
            flags += ("--engine", engine)
        environment = {
            "AWS_ENDPOINT_URL_S3": s3.url,
            "AWS_ENDPOINT_URL_STS": sts_url,
            "AWS_ENDPOINT_URL_KMS": kms_url,
            "AWS_ACCESS_KEY_ID": SERVER_KEY,
            "AWS_SECRET_ACCESS_KEY": SERVER_SECRET,
            "AWS_REGION": OWN.region,
            "OUTCROP_WEBHOOK_URL": f"{engine}/hook",
            "OUTCROP_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        yield World(sts=sts, s3=s3, kms=kms, environment=environment, flags=flags)


async def test_no_secret_is_anywhere(world: World, tmp_path: Path) -> None:
    """Import, load, invoke; imports that fail at create, at the list, in the copy; users and their keys."""
    data = tmp_path / "data"
    with running_server(data, *world.flags, environment=world.environment) as server:
        _live(world, server)
        world.secrets |= await _data_keys(world, data)
        world.seen |= _children(server.process.pid)
    world.secrets |= _known(world, server)
    world.seen |= {
        str(path): path.read_bytes()
        for path in data.rglob("*")
        if path.is_file() and data / "keys" not in path.parents and data / "vault" not in path.parents
    }

    assert {Path(name).name for name in world.seen} >= {"catalog.sqlite", "jobs.sqlite", "serve.log", "audit.jsonl"}
    if "--kms-key" in world.flags:
        assert any(name.startswith("environ of") and b"PATH=" in seen for name, seen in world.seen.items())
    assert _leaks(world.secrets, world.seen) == []
    # That it would find one that is there:
    planted = {"planted": base64.b64encode(SERVER_SECRET.encode())}
    assert ("the server's own secret key", "in base64", "planted") in _leaks(world.secrets, planted)


def _leaks(secrets: Mapping[str, bytes], seen: Mapping[str, bytes]) -> list[tuple[str, str, str]]:
    """Which secret stands in which form where."""
    return [
        (what, form, where)
        for where, text in seen.items()
        for what, secret in secrets.items()
        for form, written in _forms(secret).items()
        if written in text
    ]


def _live(world: World, server: RunningServer) -> None:
    """What a server meets in a life."""
    exported = _outcrop(server, "access", "create", "ana", "--policy", "invoke")
    world.secrets["a user's secret key"] = exported.splitlines()[1].partition("=")[2].strip("'").encode()
    api_key = _outcrop(server, "access", "add-api-key", "ana")
    world.secrets["an API key"] = api_key.splitlines()[0].partition("=")[2].strip("'").encode()

    job = server.ended(server.create_import("good", "s3://models/m/"))
    assert job["status"] == "Completed", job
    reply = server.client("bedrock-runtime").invoke_model(
        modelId=job["importedModelArn"], body=json.dumps({"prompt": "What is granite?", "max_tokens": 4})
    )
    world.seen["a reply"] = reply["body"].read()

    # A session that expires before its end is renewed, and then the source is refused.
    world.s3.ended_keys = {session.access_key_id for session in world.sts.sessions}
    world.s3.faults.append(Fault.DENIED)
    refused = server.ended(server.create_import("refused", "s3://models/m/"))
    assert refused["status"] == "Failed"
    assert server.ended(server.create_import("nothing", "s3://closed/m/"))["status"] == "Failed"
    world.sts.roles.clear()
    with pytest.raises(ClientError) as error:
        server.create_import("no-role", "s3://models/m/")
    world.seen["an error"] = repr(error.value.response).encode()
    for name in ("good", "refused", "nothing"):
        described = server.client("bedrock").get_model_import_job(jobIdentifier=f"{name}-job")
        progress = server_of(Settings(data=server.data)).progress(f"{name}-job")
        world.seen[f"the job {name}"] = repr((described, dict(progress))).encode()


async def _data_keys(world: World, data: Path) -> dict[str, bytes]:
    """The keys that the weights are sealed under, unwrapped as the server does."""
    keys: KeyService
    if "--kms-key" in world.flags:
        session = boto3.Session(aws_access_key_id=SERVER_KEY, aws_secret_access_key=SERVER_SECRET)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_KMS", world.environment["AWS_ENDPOINT_URL_KMS"])
            keys = KmsKeys(session, service_key="alias/outcrop", own=OWN)
            arn = await keys.resolve(None, OWN)
    else:
        path = data / "keys" / "keyring.json"
        keys = LocalKeyring(path, account=OWN.account, region=OWN.region, clock=SystemClock())
        arn = await keys.resolve(None, OWN)
    database = Database(f"sqlite:///{data / 'catalog.sqlite'}")
    copies = await SqlArtifactCatalog(database).copies(arn)
    found = {f"data key {number}": await open_copy(keys, copy) for number, copy in enumerate(copies)}
    database.close()
    assert found
    return found


def _known(world: World, server: RunningServer) -> dict[str, bytes]:
    """What the world gave out, and what the server made."""
    known = {
        "the server's own secret key": SERVER_SECRET.encode(),
        "the root principal's secret key": server.variables["AWS_SECRET_ACCESS_KEY"].encode(),
        "the webhook's secret": WEBHOOK_SECRET.removeprefix("whsec_").encode(),
    }
    for number, session in enumerate(world.sts.sessions):
        known |= {
            f"session {number}: access key id": session.access_key_id.encode(),
            f"session {number}: secret key": session.secret_access_key.encode(),
            f"session {number}: token": session.token.encode(),
        }
    known |= {f"wrapping key {number} of KMS": key for number, key in enumerate(world.kms.given)}
    keyring = server.data / "keys" / "keyring.json"
    if keyring.exists():
        versions = [each for key in json.loads(keyring.read_text())["keys"].values() for each in key["versions"]]
        known |= {f"material {number} of the keyring": _material(version) for number, version in enumerate(versions)}
    assert len(world.sts.sessions) >= 5
    return known


def _material(version: Any) -> bytes:
    text = version if isinstance(version, str) else version["material"]
    return base64.b64decode(text)


def _forms(secret: bytes) -> Mapping[str, bytes]:
    """How a secret may stand somewhere."""
    return {
        "as it is": secret,
        "in base64": base64.b64encode(secret).rstrip(b"="),
        "in base64 for URLs": base64.urlsafe_b64encode(secret).rstrip(b"="),
        "in hexadecimal": secret.hex().encode(),
        "as Python writes it": repr(secret)[2:-1].encode(),
    }


def _children(pid: int) -> dict[str, bytes]:
    """Command lines and environments of a process's children, and of theirs."""
    found: dict[str, bytes] = {}
    tasks = Path(f"/proc/{pid}/task")
    children = " ".join((task / "children").read_text() for task in tasks.iterdir()).split()
    for child in children:
        for name in ("cmdline", "environ"):
            found[f"{name} of process {child}"] = Path(f"/proc/{child}/{name}").read_bytes()
        found |= _children(int(child))
    return found


def _outcrop(server: RunningServer, *arguments: str) -> str:
    """Runs a command on the server's data folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    command = [*OUTCROP, *arguments, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
