"""`outcrop import` and `outcrop jobs watch`: starts imports and shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from outcrop.app.connect import any_server, running_server, source_uri
from outcrop.settings import Settings
from outcrop.terminal.follow import follow


def import_model(
    settings: Settings, source: str, name: str, job_name: str | None, role_arn: str | None, *, is_followed: bool
) -> bool:
    """Starts an import; returns whether it was accepted or, when it is followed, whether it completed."""
    console = Console()
    uri = source_uri(source, settings)
    with any_server(settings) as (server, is_ours):
        if is_ours:
            console.print(f"No server runs on {settings.data}; this import brings its own.", style="dim")
        created = server.call(
            "bedrock",
            "create_model_import_job",
            jobName=job_name or f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}",  # noqa: TID251  # a name, for people
            importedModelName=name,
            roleArn=role_arn or f"arn:aws:iam::{settings.account}:role/outcrop-import",
            modelDataSource={"s3DataSource": {"s3Uri": uri}},
        )
        console.print(f"job {created['jobArn']}", highlight=False)
        if not is_followed and not is_ours:
            return True
        return _completed(follow(lambda: server.progress(created["jobArn"]), console))


def watch(settings: Settings, job: str) -> bool:
    """Shows an import until it ends; returns whether it completed."""
    server = running_server(settings)
    return _completed(follow(lambda: server.progress(job), Console()))


def _completed(state: Mapping[str, Any]) -> bool:
    return bool(state["status"] == "Completed")
