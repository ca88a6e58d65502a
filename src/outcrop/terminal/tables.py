"""Lists of jobs and models as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from outcrop.app.connect import Server

STYLES = {"Completed": "green", "Failed": "red", "InProgress": "yellow"}


def print_jobs(server: Server) -> None:
    """Prints every import job, newest first."""
    shown = table("job", "model", "status", "created", "ended")
    for page in server.pages("list_model_import_jobs"):
        for job in page["modelImportJobSummaries"]:
            ended = job.get("endTime")
            shown.add_row(
                job["jobName"],
                job["importedModelName"],
                f"[{STYLES[job['status']]}]{job['status']}",
                f"{job['creationTime']:%Y-%m-%d %H:%M:%S}",
                "" if ended is None else f"{ended:%Y-%m-%d %H:%M:%S}",
            )
    Console().print(shown)


def print_models(server: Server) -> None:
    """Prints every imported model, newest first."""
    shown = table("model", "architecture", "converse", "created")
    shown.add_column("arn", overflow="fold")
    for page in server.pages("list_imported_models"):
        for model in page["modelSummaries"]:
            shown.add_row(
                model["modelName"],
                model["modelArchitecture"],
                "yes" if model["instructSupported"] else "no",
                f"{model['creationTime']:%Y-%m-%d %H:%M:%S}",
                model["modelArn"],
            )
    Console().print(shown)


def table(*columns: str) -> Table:
    """Returns an empty table without lines."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
