"""A place of its own for each kill: data folder, database and vault, empty or copied from a prepared one."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import boto3
import sqlalchemy as sa
from botocore.config import Config
from tests.crash.processes import COSTLY_POLL_S, Forked, Zygote, await_that
from tests.e2e.servers import EXAMPLE, ROLE
from tests.postgres import new_database
from tests.receiver import SECRET, Receiver, receiver
from tests.services.faulty_s3 import FaultyS3, faulty_s3

from outcrop.crash_points import CrashPoint

Kind = Literal["sqlite", "postgres", "bucket"]
"""SQLite and a folder, PostgreSQL and a folder, SQLite and a bucket."""

MODEL = EXAMPLE / "model"
BY_NETWORK = {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
"""What the networks file of a networked world knows."""
_NETWORKS = {
    "subnets": {"subnet-1": {"direct": True}},
    "security-groups": {"sg-1": {"egress": [{"to": ["127.0.0.0/8", "::1/128"], "ports": "all"}]}},
}
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
_SESSION = boto3.Session(aws_access_key_id="unused", aws_secret_access_key="unused", region_name="us-east-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all worlds of a test process use."""

    zygote: Zygote
    root: Path
    """Where their folders are made."""
    buckets: Path
    """Folder with the bucket `models`: `good/` can be imported, of `refused/` and `waiting/` the engine thinks so."""
    engine: Path
    """The engine's program."""
    postgres: str
    """URL of a database server; empty where no world needs one."""


def make_buckets(root: Path) -> Path:
    """Makes the source buckets."""
    models = root / "models"
    shutil.copytree(MODEL, models / "good")
    for name, told in (("refused", "refuse"), ("waiting", "wait")):
        config = Path(shutil.copytree(MODEL, models / name)) / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "canned_engine": told}))
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One place."""

    shared: Shared
    kind: Kind
    folder: Path
    database: str | None
    s3: FaultyS3 | None
    receiver: Receiver | None = None
    """Who is told of the ends of jobs."""
    divides: bool = False
    """Whether imports of this world are copied in shares."""
    source: FaultyS3 | None = None
    """Where imports come from, by a network and by the server's name; None: from folders."""
    promised: list[str] = field(default_factory=list)
    """ARNs of the jobs that a client was told of: these must be there, whatever came then."""

    servers: list[Forked] = field(default_factory=list)
    """In the order in which they were started."""
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What all processes of this world logged."""
        return self.folder / "log"

    @property
    def catalog_url(self) -> str:
        """The catalog's database."""
        return self.database or f"sqlite:///{self.data / 'catalog.sqlite'}"

    @property
    def jobs_url(self) -> str:
        """The job engine's database."""
        return self.database or f"sqlite:///{self.data / 'jobs.sqlite'}"

    def fork(
        self,
        *arguments: str,
        log: Path | None = None,
        crash: tuple[CrashPoint, str] | None = None,
        trace: Path | None = None,
    ) -> Forked:
        """Starts a command on this world's data folder."""
        settings = {
            "OUTCROP_DATA": str(self.data),
            "OUTCROP_BUCKETS": str(self.shared.buckets),
            "OUTCROP_ENGINE_COMMAND": str(self.shared.engine),
            "OUTCROP_PORT": "0",
            **({} if self.database is None else {"OUTCROP_DATABASE_URL": self.database}),
        }
        if self.receiver is not None:
            # A short timeout, since what a killed process claimed is claimed again once that and some seconds passed.
            settings |= {
                "OUTCROP_WEBHOOK_URL": self.receiver.url,
                "OUTCROP_WEBHOOK_SECRET": SECRET,
                "OUTCROP_WEBHOOK_TIMEOUT_S": "1",
            }
        if self.divides:
            settings["OUTCROP_SHARE_MIB"] = "1"
        if self.s3 is not None:
            settings |= {
                "OUTCROP_VAULT_URL": "s3://vault/v/",
                "AWS_ENDPOINT_URL_S3": self.s3.url,
                **_CREDENTIALS,
            }
        if self.source is not None:
            del settings["OUTCROP_BUCKETS"]
            networks = self.folder / "networks.json"
            networks.write_text(json.dumps(_NETWORKS))
            paths = self.folder / "aws-config"
            paths.write_text("[default]\ns3 =\n  addressing_style = path\n")
            settings |= {
                "OUTCROP_NETWORKS": str(networks),
                "AWS_CONFIG_FILE": str(paths),
                # By a name, since only names are pinned.
                "AWS_ENDPOINT_URL_S3": self.source.url.replace("127.0.0.1", "localhost"),
                **_CREDENTIALS,
            }
        return self.shared.zygote.fork(*arguments, log=log or self.log, environment=settings, crash=crash, trace=trace)

    def serve(self, *, crash: tuple[CrashPoint, str] | None = None, trace: Path | None = None) -> Forked:
        """Starts a server; it listens when this returns, or has ended."""
        process = self.fork("serve", crash=crash, trace=trace)
        self.servers.append(process)
        announced = self.data / "server.json"
        # The announcement of a server that was killed is still there: only this process's own counts.
        own = f'"pid": {process.pid},'
        await_that(
            lambda: (announced.exists() and own in announced.read_text()) or process.code is not None,
            lambda: f"the server did not start:\n{self.log.read_text()}",
        )
        return process

    def client(self, service: str) -> Any:
        """A boto3 client of the server that runs, as its root principal."""
        url = json.loads((self.data / "server.json").read_text())["url"]
        if (service, url) not in self.clients:
            root = json.loads((self.data / "keys" / "root.json").read_text())
            self.clients[service, url] = _SESSION.client(
                service,
                endpoint_url=url,
                aws_access_key_id=root["access_key_id"],
                aws_secret_access_key=root["secret_access_key"],
                # One attempt: what a kill cuts off is seen as that.
                config=Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=120),
            )
        return self.clients[service, url]

    def import_model(self, name: str, source: str, *, attempt: int = 1, **more: Any) -> str:
        """Asks for an import, or once more for the same one, by the same request token; returns the job's ARN."""
        suffix = "" if attempt == 1 else f"-{attempt}"
        created = self.client("bedrock").create_model_import_job(
            jobName=f"{name}-job{suffix}",
            importedModelName=name,
            roleArn=ROLE,
            modelDataSource={"s3DataSource": {"s3Uri": f"s3://models/{source}/"}},
            clientRequestToken=f"{name}-token{suffix}",
            **more,
        )
        self.promised.append(created["jobArn"])
        return str(created["jobArn"])

    def job(self, identifier: str) -> Mapping[str, Any]:
        """Describes a job."""
        found: Mapping[str, Any] = self.client("bedrock").get_model_import_job(jobIdentifier=identifier)
        return found

    def await_that(self, holds: Callable[[], Any]) -> None:
        """Waits until something holds. Raises ConnectionError when the server ended before."""

        def holds_or_is_over() -> bool:
            if self.servers[-1].code is not None:
                raise ConnectionError("the server has ended")
            return bool(holds())

        await_that(holds_or_is_over, self.log.read_text, poll_s=COSTLY_POLL_S)

    def ended(self, identifier: str) -> Mapping[str, Any]:
        """Waits for a job's end, and describes it."""

        def description() -> Mapping[str, Any] | None:
            found = self.job(identifier)
            return None if found["status"] == "InProgress" else found

        found: Mapping[str, Any] = await_that(
            description, lambda: f"{identifier} did not end:\n{self.log.read_text()}", poll_s=COSTLY_POLL_S
        )
        return found


@contextmanager
def new_world(
    shared: Shared,
    kind: Kind,
    name: str,
    *,
    template: World | None = None,
    tells: bool = False,
    divides: bool = False,
    is_networked: bool = False,
) -> Iterator[World]:
    """Gives an empty world, or a copy of one; with somebody who is told of the ends of jobs."""
    with ExitStack() as stack:
        folder = shared.root / name
        folder.mkdir()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        database = None
        if kind == "postgres":
            source = None if template is None else template.database
            database = stack.enter_context(new_database(shared.postgres, template=source))
        s3 = stack.enter_context(faulty_s3(["vault"])) if kind == "bucket" else None
        if template is not None:
            shutil.copytree(template.data, folder / "data")
            if s3 is not None and template.s3 is not None:
                s3.buckets = copy.deepcopy(template.s3.buckets)
        there = stack.enter_context(receiver()) if tells else None
        source = None
        if is_networked:
            source = s3 or stack.enter_context(faulty_s3())
            for path in MODEL.iterdir():
                source.put("models", f"good/{path.name}", path.read_bytes())
        world = World(
            shared=shared,
            kind=kind,
            folder=folder,
            database=database,
            s3=s3,
            receiver=there,
            divides=divides,
            source=source,
        )
        world.log.touch()
        try:
            yield world
        finally:
            for client in world.clients.values():
                client.close()


def rows(url: str, select: sa.Select[Any] | sa.TextClause) -> Sequence[sa.Row[Any]]:
    """Returns what a database holds, whoever else uses it."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return connection.execute(select).all()
    finally:
        engine.dispose()
