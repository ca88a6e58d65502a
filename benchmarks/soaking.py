"""The processes of a soak, how they are killed and started again, and what is found at the end."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import sqlalchemy as sa
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.crash.processes import await_that, pids_of
from tests.e2e.servers import ROLE

from benchmarks.soaked import Place, source_of
from outcrop.adapters.catalog_sql.tables import artifacts, copied_parts, copies, imported_models

LONGEST_AWAY_S = 2.0
"""How long what was killed stays away, at most."""
AWAY = (BotoCoreError, OSError)


class Running:
    """A server, its workers, and the client that imports."""

    def __init__(self, place: Place, *, workers: int, share_mib: int) -> None:
        self._place = place
        self._share_mib = share_mib
        self._port = _free_port()
        self._names = ("server", *(f"worker-{number}" for number in range(1, workers + 1)))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._due: dict[str, float] = {}
        """What is away, and when it is started again."""
        self._promised: dict[int, str] = {}
        self._client: Any = None
        self._runtime: Any = None

    @classmethod
    @contextmanager
    def started(cls, place: Place, *, workers: int, share_mib: int) -> Iterator[Running]:
        """Starts all; they are killed at the end."""
        made = cls(place, workers=workers, share_mib=share_mib)
        place.data.mkdir(mode=0o700)
        try:
            made.restart_all()
            yield made
        finally:
            for process in made._processes.values():
                process.kill()
                process.wait()

    # --- kills ---

    def kill(self, kind: str, chance: random.Random, now: float) -> bool:
        """Kills something of a kind; False when there is nothing to kill."""
        if kind == "engine":
            found = sorted(pids_of(self._place.data / "run"))
            if not found:
                return False
            with suppress(ProcessLookupError):
                os.kill(chance.choice(found), signal.SIGKILL)
            return True
        names = ["database"] if kind == "database" else [name for name in self._names if name.startswith(kind)]
        name = chance.choice(names)
        if name in self._due:
            return False
        if kind == "database":
            self._place.kill_database()
        else:
            self._processes[name].kill()
            self._processes[name].wait()
        self._due[name] = now + chance.uniform(0, LONGEST_AWAY_S)
        return True

    def restart_due(self, now: float) -> None:
        """Starts again what was away for long enough, and what ended by itself."""
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            if name == "database":
                self._place.start_database()
            else:
                self._start(name)
        for name, process in self._processes.items():
            # One that starts while the database is away says so and ends; a supervisor starts it again.
            if name not in self._due and process.poll() is not None:
                self._due[name] = now + 1.0

    def restart_all(self) -> None:
        """Starts what does not run, the database first."""
        if self._due.pop("database", None) is not None:
            self._place.start_database()
        self._due.clear()
        for name in self._names:
            if name not in self._processes or self._processes[name].poll() is not None:
                self._start(name)

    def _start(self, name: str) -> None:
        place = self._place
        flags = ["--data", str(place.data), "--buckets", str(place.buckets), "--database", place.url, *place.flags]
        flags += ["--share-mib", str(self._share_mib), "--most-attempts", "1000", "--max-copies", "4"]
        command = ["serve", "--port", str(self._port)] if name == "server" else ["worker"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "OUTCROP_"))}
        with (place.root / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "outcrop", *command, *flags], stdout=log, stderr=log, env=kept
            )

    # --- the client ---

    def accepted(self, number: int) -> str | None:
        """Asks for an import, by a token that makes it the same each time; None when there was no answer."""
        try:
            created = self._bedrock().create_model_import_job(
                jobName=f"job-{number}",
                importedModelName=f"model-{number}",
                roleArn=ROLE,
                modelDataSource={"s3DataSource": {"s3Uri": f"s3://models/{source_of(number)}/"}},
                clientRequestToken=f"soak-{number}",
            )
        except AWAY:
            return None
        except ClientError as error:
            if _is_ours(error):
                return None
            raise
        self._promised[number] = created["jobArn"]
        return str(created["jobArn"])

    def has_ended(self, arn: str) -> bool:
        """Says whether a job has ended, as far as can be told now."""
        try:
            return bool(self._bedrock().get_model_import_job(jobIdentifier=arn)["status"] != "InProgress")
        except AWAY:
            return False
        except ClientError as error:
            if _is_ours(error):
                return False
            raise

    def _bedrock(self) -> Any:
        if self._client is None:
            root = json.loads((self._place.data / "keys" / "root.json").read_text())
            session = boto3.Session(
                aws_access_key_id=root["access_key_id"],
                aws_secret_access_key=root["secret_access_key"],
                region_name="us-east-1",
            )
            config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
            url = f"http://127.0.0.1:{self._port}"
            self._client = session.client("bedrock", endpoint_url=url, config=config)
            self._runtime = session.client("bedrock-runtime", endpoint_url=url, config=config)
        return self._client

    # --- the end ---

    def results(self, *, within_s: float) -> dict[str, Any]:
        """Waits for the ends of all jobs, and counts."""
        deadline = time.monotonic() + within_s
        left = dict(self._promised)
        while left and time.monotonic() < deadline:
            self.restart_due(time.monotonic())
            left = {number: arn for number, arn in left.items() if not self.has_ended(arn)}
            time.sleep(0.2)
        await_that(self._answers, lambda: "the server does not answer", poll_s=0.2)
        jobs = {number: self._described(arn) for number, arn in self._promised.items()}
        models = self._models()
        completed = [number for number, job in jobs.items() if job.get("status") == "Completed"]
        failed = [number for number, job in jobs.items() if job.get("status") == "Failed"]
        named = Counter(model["modelName"] for model in models)
        doubled = {f"model-{number}" for number in completed if named[f"model-{number}"] != 1}
        doubled |= {name for name, count in named.items() if count > 1}
        doubled |= {f"model-{number}" for number in failed if named[f"model-{number}"]}
        return {
            "accepted": len(jobs),
            "completed": len(completed),
            "failed": len(failed),
            "lost": len(jobs) - len(completed) - len(failed),
            "doubled": len(doubled),
            "orphaned": self._orphans(),
            "broken": sum(not self._is_whole(number) for number in completed),
            "messages": [str(jobs[number].get("failureMessage")) for number in failed],
        }

    def _answers(self) -> bool:
        self.restart_due(time.monotonic())
        try:
            self._bedrock().list_imported_models(maxResults=1)
        except (*AWAY, ClientError):
            return False
        return True

    def _described(self, arn: str) -> dict[str, Any]:
        try:
            return dict(self._bedrock().get_model_import_job(jobIdentifier=arn))
        except ClientError:
            return {}

    def _models(self) -> Sequence[dict[str, Any]]:
        pages = self._bedrock().get_paginator("list_imported_models").paginate()
        return [model for page in pages for model in page["modelSummaries"]]

    def _is_whole(self, number: int) -> bool:
        body = {"messages": [{"role": "user", "content": "What is granite?"}], "max_tokens": 8}
        arn = self._bedrock().get_imported_model(modelIdentifier=f"model-{number}")["modelArn"]
        deadline = time.monotonic() + 120
        while True:
            try:
                reply = self._runtime.invoke_model(modelId=arn, body=json.dumps(body))
                break
            except ClientError as error:
                if not _is_ours(error) or time.monotonic() > deadline:
                    return False
                time.sleep(0.2)
        text = json.loads(reply["body"].read())["choices"][0]["message"]["content"]
        digests = self._place.digests
        return bool(text) and (not digests or text.split()[0] == digests[source_of(number)])

    def _orphans(self) -> int:
        """Counts what lies in the vault, or is recorded of copies, and belongs to no model."""
        url = self._place.url.replace("postgresql://", "postgresql+psycopg://")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        vault = self._place.data / "vault"

        def left() -> set[str]:
            with engine.connect() as connection:
                held = set(connection.execute(sa.select(imported_models.c.artifact_id)).scalars())
                known = set(connection.execute(sa.select(artifacts.c.id)).scalars())
                for table in (copies, copied_parts):
                    known |= set(connection.execute(sa.select(table.c.artifact_id)).scalars())
            stored = {path.name for path in (vault / "artifacts").iterdir()}
            staged = {path.name for path in (vault / "staging").iterdir()}
            return ((stored | known) - held) | staged | (held - stored)

        # A worker that has lost its job to another one may still be about to notice.
        with suppress(TimeoutError):
            await_that(lambda: not left(), lambda: "", poll_s=1.0)
        return len(left())


def _is_ours(error: ClientError) -> bool:
    """Whether an error says that something is away for now."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) >= 500 or error.response["Error"]["Code"] in (
        "ModelNotReadyException",
        "ThrottlingException",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
