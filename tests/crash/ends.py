"""What must be true at the end, kill or no kill: jobs ended once, models whole, and nothing left over of anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from tests.crash.processes import COSTLY_POLL_S, await_that, processes_of
from tests.crash.worlds import MODEL, World, rows

from outcrop.adapters.catalog_sql.tables import artifacts, copied_parts, copies, import_jobs, imported_models
from outcrop.testing.canned_engine import digest_of

FILES = {"manifest", *(f"files/{path.name}" for path in MODEL.iterdir())}
"""What the vault holds of each artifact."""
SOURCES = {"slow": "waiting"}
"""Which models are not imported from `good/`."""
ENDED_WORKFLOW = "SUCCESS"


def require_ended_well(world: World, *, jobs: Mapping[str, str], models: Sequence[str]) -> None:
    """Holds everything that can be seen of a world, whose server runs, against what should be."""
    require_promises_kept(world)
    _require_jobs(world, jobs, models)
    await_settled(world)
    for model in models:
        source = world.shared.buckets / "models" / SOURCES.get(model, "good")
        assert _said(world, model) == digest_of(source), f"{model} is not what was imported"
    held = _held(world)
    assert _stored(world) == dict.fromkeys(held, FILES)
    require_nothing_temporary(world)
    for job in jobs:
        assert _ends_logged(world, job) <= 1, f"{job} ended twice:\n{world.log.read_text()}"


def require_promises_kept(world: World) -> None:
    """A job that a client was told of is there."""
    for arn in world.promised:
        assert world.job(arn)["jobArn"] == arn


def require_nothing_temporary(world: World) -> None:
    """No file under a temporary name, whoever made it, and no plaintext's place."""
    data = world.data
    assert [path.name for path in (data / "keys").iterdir() if path.name.startswith(".")] == []
    if world.kind != "bucket":
        assert list((data / "vault" / "staging").iterdir()) == []
    elif world.s3 is not None:
        assert world.s3.uploads == {}
    assert len([path for path in (data / "run").iterdir() if path.is_dir()]) == 1, "only of the server that runs"


def await_settled(world: World) -> None:
    """Waits until no workflow runs."""
    await_that(
        lambda: not _open_workflows(world),
        lambda: f"workflows go on: {_open_workflows(world)}",
        poll_s=COSTLY_POLL_S,
    )


def require_no_process(world: World) -> None:
    """No engine outlives its server for long."""
    await_that(
        lambda: not processes_of(world.data),
        lambda: f"still run: {processes_of(world.data)}",
        poll_s=COSTLY_POLL_S,
    )


def _require_jobs(world: World, jobs: Mapping[str, str], models: Sequence[str]) -> None:
    bedrock = world.client("bedrock")
    found = bedrock.list_model_import_jobs()["modelImportJobSummaries"]
    visible = bedrock.list_imported_models()["modelSummaries"]
    assert {job["jobName"]: job["status"] for job in found} == dict(jobs)
    assert len(found) == len(jobs)
    assert sorted(model["modelName"] for model in visible) == sorted(models)
    for job in found:
        described = world.job(job["jobArn"])
        assert ("failureMessage" in described) is (job["status"] == "Failed")
        assert ("importedModelArn" in described) is (job["status"] == "Completed")
        assert described["endTime"] >= described["creationTime"]


def _said(world: World, model: str) -> str:
    """Returns what a model's engine says of the bytes that it was given."""
    arn = world.client("bedrock").get_imported_model(modelIdentifier=model)["modelArn"]
    body = json.dumps({"messages": [{"role": "user", "content": "Who are you?"}], "max_tokens": 8})
    reply = json.loads(world.client("bedrock-runtime").invoke_model(modelId=arn, body=body)["body"].read())
    return str(reply["choices"][0]["message"]["content"]).split()[0]


def _open_workflows(world: World) -> list[str]:
    schema = "dbos." if world.database else ""
    text = sa.text(f"SELECT workflow_uuid, status FROM {schema}workflow_status WHERE status <> '{ENDED_WORKFLOW}'")
    return [f"{row.workflow_uuid} {row.status}" for row in rows(world.jobs_url, text)]


def _held(world: World) -> set[str]:
    """Returns the artifacts that the catalog names, and holds its other tables against that."""
    url = world.catalog_url
    held = {row.artifact_id for row in rows(url, sa.select(imported_models.c.artifact_id))}
    assert {row.id for row in rows(url, sa.select(artifacts.c.id))} == held
    for table in (copies, copied_parts):
        assert rows(url, sa.select(table)) == []
    for job in rows(url, sa.select(import_jobs)):
        assert (job.ended_at is not None, job.wrapped_key) == (True, None)
    return held


def _stored(world: World) -> dict[str, set[str]]:
    """Returns the files of each artifact that the vault holds anything of."""
    found: dict[str, set[str]] = {}
    if world.s3 is not None:
        for key in world.s3.buckets["vault"]:
            kind, artifact_id, *rest = key.removeprefix("v/").split("/", 2)
            found.setdefault(artifact_id, set()).update(rest if kind == "artifacts" else ())
        return found
    for kind in ("artifacts", "staging"):
        for folder in (world.data / "vault" / kind).iterdir():
            files = (path for path in folder.rglob("*") if not path.is_dir())
            found.setdefault(folder.name, set()).update(str(path.relative_to(folder)) for path in files)
    return found


def _ends_logged(world: World, job: str) -> int:
    arn = world.job(job)["jobArn"]
    lines = world.log.read_text().splitlines()
    return sum(arn in line and ("import_completed" in line or "import_failed " in line) for line in lines)
