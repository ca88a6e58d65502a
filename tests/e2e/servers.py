"""Real servers for tests: `outcrop serve` as a process, found and asked as any client would."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

EXAMPLE = Path(__file__).parents[2] / "examples" / "fieldguide"
OUTCROP = [sys.executable, "-m", "outcrop"]
START_S = 60.0
END_S = 180.0
END_OF_PROCESS_S = 60.0
ROLE = "arn:aws:iam::000000000000:role/import"


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server, its data folder, and its process."""

    data: Path
    variables: Mapping[str, str]
    process: subprocess.Popen[bytes]
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client, configured by nothing but what `outcrop env` prints."""
        if service not in self.clients:
            self.clients[service] = self._new_client(service)
        return self.clients[service]

    def _new_client(self, service: str) -> Any:
        session = boto3.Session(
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
            region_name=self.variables["AWS_REGION"],
        )
        config = Config(retries={"mode": "standard", "total_max_attempts": 5})
        return session.client(service, endpoint_url=self.variables["AWS_ENDPOINT_URL_BEDROCK"], config=config)

    def create_import(self, name: str, uri: str, **more: Any) -> str:
        """Starts an import; returns the job's ARN."""
        created = self.client("bedrock").create_model_import_job(
            jobName=f"{name}-job",
            importedModelName=name,
            roleArn=ROLE,
            modelDataSource={"s3DataSource": {"s3Uri": uri}},
            **more,
        )
        return str(created["jobArn"])

    def ended(self, job: str) -> dict[str, Any]:
        """Polls a job until it has ended, as Bedrock's clients do; returns its description."""
        bedrock = self.client("bedrock")
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            described: dict[str, Any] = bedrock.get_model_import_job(jobIdentifier=job)
            if described["status"] != "InProgress":
                return described
            time.sleep(0.1)
        raise TimeoutError(f"{job} did not end:\n{self.log()}")

    def log(self) -> str:
        """What the server logged."""
        return (self.data / "serve.log").read_text()

    def stored_bytes(self) -> int:
        """Size of everything in the vault."""
        return sum(path.stat().st_size for path in (self.data / "vault").rglob("*") if path.is_file())


@contextmanager
def running_server(
    data: Path, *flags: str, environment: Mapping[str, str] | None = None, is_killed: bool = False
) -> Iterator[RunningServer]:
    """Runs a server on a data folder; at the end it is stopped, or killed as a power cut would."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OUTCROP_"))}
    everything = {**inherited, **(environment or {})}
    with (data / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [*OUTCROP, "serve", "--data", str(data), "--port", "0", *flags], stdout=log, stderr=log, env=everything
        )
    try:
        _await_start(data, process)
        printed = subprocess.run(
            [*OUTCROP, "env", "--data", str(data)], check=True, capture_output=True, text=True, env=inherited
        ).stdout
        exports = [line.removeprefix("export ") for line in printed.splitlines() if line.startswith("export ")]
        server = RunningServer(data=data, variables=dict(line.split("=", 1) for line in exports), process=process)
        try:
            yield server
        finally:
            for client in server.clients.values():
                client.close()
    finally:
        if is_killed:
            process.kill()
        else:
            process.terminate()
        await_end(process)


def await_end(process: subprocess.Popen[bytes]) -> None:
    """Waits for a process that was asked to end; one that does not is killed, and leaves nothing to the next test."""
    try:
        process.wait(END_OF_PROCESS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _await_start(data: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    announced = data / "server.json"
    # The announcement of a server that was killed is still there: only this process's own counts.
    while not (announced.exists() and f'"pid": {process.pid}' in announced.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{(data / 'serve.log').read_text()}")
        time.sleep(0.05)
