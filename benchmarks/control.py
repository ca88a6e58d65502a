"""The control plane's figures, beside ministack, which answers the same calls from memory and checks no signature.

GetModelImportJob, signed beforehand and replayed by wrk over 1 and 16 connections, in rounds that alternate between
the two. Outcrop checks every signature and reads 1,000 different jobs from a catalog on disk that holds 100,000;
ministack, which looks through all jobs for each call, holds one. Then the time of a page of ListModelImportJobs at
100,000 jobs and at 1,000 (the worst of several queries), and that of a jobName on which AWS's own pattern backtracks.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.e2e.servers import ROLE, running_server

from benchmarks.machine import machine
from benchmarks.peers import VERSIONS, program
from benchmarks.wrk import Load, replay, require_wrk
from outcrop.adapters.catalog_sql import Database
from outcrop.adapters.catalog_sql.jobs import job_row
from outcrop.adapters.catalog_sql.tables import import_jobs
from outcrop.arn import Tenant
from outcrop.records import ImportJob, ImportRequest, Progress, Stage, StageEntry

MANY, FEW = 100_000, 1_000
ASKED_FOR = 1_000
"""Different jobs among the requests of a round."""

PAGES = {"": 100, "?statusEquals=Completed": 100, "?statusEquals=InProgress": 0}
"""Queries of lists, and how many jobs are on their page: the first jobs of all, of those of most, of those of none."""

LIST_CALLS, HOSTILE_CALLS = 60, 20
HOSTILE_NAME = "a" + "-" * 61 + "!"
CONNECTIONS = (1, 16)
ACCOUNT, REGION = "000000000000", "us-east-1"
START_S = 60.0
_ROWS_AT_ONCE = 5_000
_FIRST_JOB_AT = datetime(2026, 1, 1, tzinfo=UTC)
_REPORT = {
    # What `outcrop check --json` says of the example model.
    "schema": "outcrop.report/1",
    "verdicts": {
        profile: {"importable": True, "errors": 0, "warnings": 0, "notes": 0} for profile in ("outcrop", "bedrock")
    },
    "facts": {
        "architecture": "llama",
        "is_instruct": True,
        "parameters": 2033408,
        "weight_bytes": 4069936,
        "context_length": 1024,
        "custom_model_units": 1,
    },
    "fit": {
        "modality": "text",
        "precisions": ["BF16"],
        "tensors": 29,
        "weight_files": 1,
        "vocabulary": 1024,
        "cache_bytes_per_token": 1536,
        "memory_bytes": 6207080,
    },
    "findings": [],
    "omitted": {},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server, and the jobs that it is asked for."""

    url: str
    credentials: Credentials
    job_names: Sequence[str]

    def signed(self, method: str, path: str, body: bytes = b"") -> AWSRequest:
        """Signs a request as of now; it holds for five minutes."""
        request = AWSRequest(method=method, url=self.url + path, data=body, headers={"host": urlsplit(self.url).netloc})
        SigV4Auth(self.credentials, "bedrock", REGION).add_auth(request)
        return request

    def reads(self) -> list[bytes]:
        """Returns one GetModelImportJob for each of the jobs, as it goes over the wire."""
        return [_raw(self.signed("GET", f"/model-import-jobs/{quote(name, safe='')}")) for name in self.job_names]

    def ask(self, request: AWSRequest) -> tuple[float, int, bytes]:
        """Sends one request; returns the milliseconds until its answer was read, the status and the body."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=30)
        connection.connect()
        started = time.perf_counter()
        connection.request(request.method, request.url[len(self.url) :], request.data, dict(request.headers.items()))
        answer = connection.getresponse()
        body = answer.read()
        elapsed_ms = (time.perf_counter() - started) * 1000
        connection.close()
        return elapsed_ms, answer.status, body


def _raw(request: AWSRequest) -> bytes:
    url = urlsplit(request.url)
    lines = [f"{request.method} {url.path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def main() -> None:
    """Runs everything; the last line of what it prints is one JSON object."""
    parser = argparse.ArgumentParser(prog="scripts/bench control", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of load on each server; default: 5")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one round; default: 5")
    options = parser.parse_args()
    require_wrk()
    with tempfile.TemporaryDirectory(prefix="outcrop-bench-") as folder:
        root = Path(folder)
        with _outcrop(root / "many", MANY) as many:
            with _ministack(root) as peer:
                loads = _alternate(many, peer, rounds=options.rounds, seconds=options.seconds)
            with _outcrop(root / "few", FEW) as few:
                pages = _page_times(many, few)
            hostile_ms = _hostile_ms(many)
    print(f"machine: {machine()}")
    print(f"peer: {VERSIONS['ministack']}")
    for (name, connections), rounds in loads.items():
        print(f"{name}, {connections} connections: " + "; ".join(_shown(load) for load in rounds))
    for query, (many_ms, few_ms) in pages.items():
        print(f"list{query}: {many_ms:.2f} ms at {MANY} jobs, {few_ms:.2f} ms at {FEW}")
    print(json.dumps(_figures(loads, pages, hostile_ms)))


def _figures(
    loads: Mapping[tuple[str, int], Sequence[Load]], pages: Mapping[str, tuple[float, float]], hostile_ms: float
) -> dict[str, float]:
    def rate(name: str, connections: int) -> float:
        return median(load.requests_per_s for load in loads[name, connections])

    return {
        "rps_ratio_1": round(rate("outcrop", 1) / rate("ministack", 1), 2),
        "rps_ratio_16": round(rate("outcrop", 16) / rate("ministack", 16), 2),
        "p99_ms_16": round(median(load.p99_ms for load in loads["outcrop", 16]), 2),
        "list_growth": round(max(many_ms / few_ms for many_ms, few_ms in pages.values()), 2),
        "hostile_name_ms": round(hostile_ms, 2),
    }


def _shown(load: Load) -> str:
    return f"{load.requests_per_s:.0f}/s, p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms"


# --- load ---------------------------------------------------------------------------------------------------------


def _alternate(ours: Target, peer: Target, *, rounds: int, seconds: float) -> dict[tuple[str, int], list[Load]]:
    loads: dict[tuple[str, int], list[Load]] = {}
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for name, target in (("outcrop", ours), ("ministack", peer)):
                load = replay(target.url, target.reads(), connections=connections, seconds=seconds)
                loads.setdefault((name, connections), []).append(load)
    return loads


def _page_times(many: Target, few: Target) -> dict[str, tuple[float, float]]:
    """Medians of the milliseconds that a page takes on each, by query."""
    times: dict[str, tuple[float, float]] = {}
    for query, wanted in PAGES.items():
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(LIST_CALLS):
            for target, values in zip((many, few), taken, strict=True):
                values.append(_page_ms(target, query, wanted))
        times[query] = median(taken[0]), median(taken[1])
    return times


def _page_ms(target: Target, query: str, wanted: int) -> float:
    elapsed_ms, status, body = target.ask(target.signed("GET", f"/model-import-jobs{query}"))
    page = json.loads(body)
    if status != http.client.OK or len(page.get("modelImportJobSummaries", ())) != wanted:
        raise SystemExit(f"bench: no page of jobs: {status} {body[:200]!r}")
    return elapsed_ms


def _hostile_ms(target: Target) -> float:
    """The slowest of some answers."""
    body = {
        "jobName": HOSTILE_NAME,
        "importedModelName": "m",
        "roleArn": ROLE,
        "modelDataSource": {"s3DataSource": {"s3Uri": "s3://bucket/model/"}},
    }
    slowest_ms = 0.0
    for _ in range(HOSTILE_CALLS):
        elapsed_ms, status, answer = target.ask(target.signed("POST", "/model-import-jobs", json.dumps(body).encode()))
        if status != http.client.BAD_REQUEST or b"at 'jobName' failed to satisfy constraint" not in answer:
            raise SystemExit(f"bench: the hostile name was not refused: {status} {answer[:200]!r}")
        slowest_ms = max(slowest_ms, elapsed_ms)
    return slowest_ms


# --- servers ------------------------------------------------------------------------------------------------------


@contextmanager
def _outcrop(data: Path, jobs: int) -> Iterator[Target]:
    buckets = data.parent / "buckets"
    buckets.mkdir(exist_ok=True)
    with running_server(data, "--buckets", str(buckets)) as server:
        names = _fill(data, jobs)
        variables = server.variables
        credentials = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        step = jobs // ASKED_FOR
        yield Target(
            url=variables["AWS_ENDPOINT_URL_BEDROCK"], credentials=credentials, job_names=names[::step][:ASKED_FOR]
        )


def _fill(data: Path, count: int) -> list[str]:
    """Adds so many ended jobs to the catalog of a running server; returns their names."""
    jobs = [_job(number) for number in range(count)]
    database = Database(f"sqlite:///{data / 'catalog.sqlite'}")
    try:
        with database.engine.begin() as connection:
            for first in range(0, count, _ROWS_AT_ONCE):
                rows = [job_row(job) for job in jobs[first : first + _ROWS_AT_ONCE]]
                connection.execute(import_jobs.insert(), rows)
    finally:
        database.close()
    return [job.request.job_name for job in jobs]


def _job(number: int) -> ImportJob:
    """A job that has been through all stages, as one that imported the example model."""
    created_at = _FIRST_JOB_AT + timedelta(minutes=number)
    entries = [StageEntry(stage=stage, at=created_at + timedelta(seconds=at_s)) for at_s, stage in enumerate(Stage)]
    return ImportJob(
        id=f"{number:012d}",
        tenant=Tenant(account=ACCOUNT, region=REGION),
        request=ImportRequest(
            job_name=f"import-of-model-{number}",
            imported_model_name=f"model-{number}",
            role_arn=ROLE,
            source_uri=f"s3://models/model-{number}/",
        ),
        model_id=f"{number:012d}",
        key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
        stage=Stage.COMPLETED,
        created_at=created_at,
        modified_at=entries[-1].at,
        ended_at=entries[-1].at,
        progress=Progress(bytes_done=4_069_936, bytes_total=4_069_936, entries=tuple(entries)),
        report=_REPORT,
    )


@contextmanager
def _ministack(folder: Path) -> Iterator[Target]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "TMPDIR": str(folder)}
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([program("ministack")], stdout=log, stderr=log, env=environment, cwd=folder)
    target = Target(url=f"http://127.0.0.1:{port}", credentials=Credentials("test", "test"), job_names=["the-only-job"])
    try:
        _await_listening(port)
        body = {
            "jobName": target.job_names[0],
            "importedModelName": "m",
            "roleArn": ROLE,
            "modelDataSource": {"s3DataSource": {"s3Uri": "s3://bucket/model/"}},
        }
        _, status, answer = target.ask(target.signed("POST", "/model-import-jobs", json.dumps(body).encode()))
        if status != http.client.CREATED:
            raise SystemExit(f"bench: ministack made no job: {status} {answer[:200]!r}")
        yield target
    finally:
        process.terminate()
        process.wait(30)


def _await_listening(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("bench: ministack does not listen")


if __name__ == "__main__":
    main()
