"""`outcrop import` and `outcrop jobs watch`: starts imports and shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from outcrop.app.connect import any_server, running_server, source_uri
from outcrop.errors import UnavailableError
from outcrop.settings import Settings
from outcrop.terminal.follow import follow
from outcrop.terminal.watching import states_of


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
        return _followed(created["jobArn"], settings, console, away=_raise if is_ours else None)


def watch(settings: Settings, job: str) -> bool:
    """Shows an import until it ends, also across restarts of the server; returns whether it completed."""
    return _followed(job, settings, Console())


def _followed(job: str, settings: Settings, console: Console, away: Callable[[str], None] | None = None) -> bool:
    def tell(_why: str) -> None:
        console.print("The server is away; this goes on when it is back.", style="dim")

    states = states_of(job, lambda: running_server(settings), away=away or tell)
    return bool(follow(states, console)["status"] == "Completed")


def _raise(why: str) -> None:
    """A server of this command's own does not come back."""
    raise UnavailableError("the server of this import", f"{why}; serve.log in the data folder says more")
