"""The commands. No logic: each reads its flags, calls what does the work, and turns the outcome into an exit status.

Imports are inside the commands, since each needs little of the whole: `outcrop check` answers in half a second.
"""
# ruff: noqa: PLC0415, D301  # \b is how click is told to keep lines as they are

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from outcrop import __version__
from outcrop.cli.access import access
from outcrop.cli.doctor import doctor
from outcrop.cli.keys import keys
from outcrop.cli.networks import networks
from outcrop.cli.options import CLIENT_SETTINGS, EXIT_NO, EXIT_UNKNOWN, WORKER_SETTINGS, setting_flags
from outcrop.errors import ImportFailedError, OutcropError, SettingError
from outcrop.settings import load


def main() -> NoReturn:
    """Runs a command; an error of ours is one line, not a trace."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OutcropError as error:
        click.echo(f"outcrop: {error}", err=True)
        sys.exit(EXIT_UNKNOWN if isinstance(error, SettingError) else EXIT_NO)
    sys.exit(0)


def _say(notice: str | None) -> None:
    """Prints what belongs to start-up, if there is anything."""
    if notice is not None:
        click.echo(f"  {notice}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__)
def cli() -> None:
    """Amazon Bedrock Custom Model Import, running where you run it.

    \b
    outcrop check ./my-model                       would it import?
    outcrop doctor s3://bucket/my-model            could it be read, and does this machine do?
    outcrop import ./my-model --name m --follow    import it, here
    outcrop serve                                  serve Bedrock's API on http://127.0.0.1:8025
    eval "$(outcrop env)"                          point AWS clients in this shell at it
    """


cli.add_command(access)
cli.add_command(keys)
cli.add_command(networks)
cli.add_command(doctor)


@cli.command()
@setting_flags()
def serve(**flags: Any) -> None:
    """Run the server: Bedrock's control plane and runtime on one port.

    Upstream AWS services are found the AWS way: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_STS and the default credential
    chain. With --roles sts, that chain's credentials do nothing but assume the roleArn of each import.
    """
    import asyncio

    from outcrop.app import logs
    from outcrop.app.roles import ambient_notice
    from outcrop.app.server import serve as run

    settings = load(flags)
    logs.configure(log_format=settings.log_format, level=settings.log_level)

    def tell(url: str) -> None:
        click.echo(f"outcrop {__version__} listens on {url}", err=True)
        click.echo(f'  point AWS clients at it:  eval "$(outcrop env --data {settings.data})"', err=True)
        _say(ambient_notice(settings))

    asyncio.run(run(settings, tell=tell))


@cli.command()
@setting_flags(*WORKER_SETTINGS)
def worker(**flags: Any) -> None:
    """Work on import jobs, beside a server or on another machine. Any number of workers may.

    They share the server's database (--database) and vault (--vault), and its keys: the same data folder, a copy of its
    keys folder, or AWS KMS. A worker that dies is noticed, and the others go on with its jobs.
    """
    import asyncio

    from outcrop.app import logs
    from outcrop.app.roles import ambient_notice
    from outcrop.app.worker import work

    settings = load(flags)
    logs.configure(log_format=settings.log_format, level=settings.log_level)

    def tell() -> None:
        click.echo(f"outcrop {__version__} works on imports", err=True)
        _say(ambient_notice(settings))

    asyncio.run(work(settings, tell=tell))


@cli.command()
@setting_flags("data", "host", "port", "tls_cert", "tls_key", "account", "region")
def env(**flags: Any) -> None:
    """Print shell lines that point AWS clients at the server, as its root principal.

    \b
    eval "$(outcrop env)"
    """
    from outcrop.app.connect import expected_server
    from outcrop.terminal.environment import export_lines

    click.echo(export_lines(expected_server(load(flags))), nl=False)


@cli.command()
@click.argument("target", metavar="DIR|s3://BUCKET/PREFIX/")
@click.option(
    "--profile",
    type=click.Choice(["outcrop", "bedrock", "both"]),
    default="outcrop",
    show_default=True,
    help="Whose verdict decides the exit status; the report shows both.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (docs/report.md).")
@setting_flags("engine", "engine_command")
def check(target: str, profile: str, as_json: bool, **flags: Any) -> None:  # noqa: FBT001  # click's way
    """Say everything that is wrong with a model, without importing it.

    Reads configuration, tokenizer and the headers of the weights; never the weights. Reads S3 with the credentials of
    this shell, not as a role: an import whose roleArn may read less fails where this succeeds.
    Exit status: 0 importable, 1 not importable, 2 could not tell.
    """
    import asyncio

    from outcrop.app.check import examine_target
    from outcrop.terminal.report import print_report

    try:
        report, selection = asyncio.run(examine_target(target, load(flags)))
    except (ImportFailedError, OutcropError) as error:
        click.echo(f"outcrop check: {error}", err=True)
        sys.exit(EXIT_UNKNOWN)
    profiles = ("outcrop", "bedrock") if profile == "both" else (profile,)
    print_report(report, selection, target, profiles=profiles, as_json=as_json)
    sys.exit(0 if all(report.is_importable(name) for name in profiles) else EXIT_NO)


@cli.command("import")
@click.argument("source", metavar="DIR|s3://BUCKET/PREFIX/")
@click.option("--name", required=True, help="Name of the imported model.")
@click.option("--job-name", default=None, help="Name of the import job; default: the model's name and the time.")
@click.option(
    "--role-arn",
    default=None,
    help="Role that reads the source, where roles are assumed; default: a made-up one, which does for folders.",
)
@click.option("--follow/--no-follow", default=False, help="Show the import live until it ends.")
@setting_flags("data", "buckets", "account", "region")
def import_(source: str, name: str, job_name: str | None, role_arn: str | None, follow: bool, **flags: Any) -> None:  # noqa: FBT001  # click's way
    """Import a model from a folder or from S3.

    Uses the server that runs on the data folder; where none runs, one runs until the import has ended.
    Exit status: 0 accepted, or with --follow completed; 1 not.
    """
    from outcrop.terminal.imports import import_model

    settings = load(flags)
    sys.exit(0 if import_model(settings, source, name, job_name, role_arn, is_followed=follow) else EXIT_NO)


@cli.group()
def jobs() -> None:
    """Look at import jobs."""


@jobs.command("list")
@setting_flags(*CLIENT_SETTINGS)
def jobs_list(**flags: Any) -> None:
    """List import jobs, newest first."""
    from outcrop.app.connect import running_server
    from outcrop.terminal.tables import print_jobs

    print_jobs(running_server(load(flags)))


@jobs.command("show")
@click.argument("job", metavar="NAME|ARN")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON (docs/http.md), with the whole report.")
@setting_flags(*CLIENT_SETTINGS)
def jobs_show(job: str, as_json: bool, **flags: Any) -> None:  # noqa: FBT001  # click's way
    """Show what is known of an import: stages, what was found and not copied, who was told."""
    from outcrop.app.connect import running_server
    from outcrop.terminal.job import show_job

    show_job(running_server(load(flags)), job, as_json=as_json)


@jobs.command("watch")
@click.argument("job", metavar="NAME|ARN")
@setting_flags(*CLIENT_SETTINGS)
def jobs_watch(job: str, **flags: Any) -> None:
    """Show an import live until it ends, also across restarts of the server. Exit status: 0 completed, 1 failed."""
    from outcrop.terminal.imports import watch

    sys.exit(0 if watch(load(flags), job) else EXIT_NO)


@cli.group()
def models() -> None:
    """Look at imported models, and delete them."""


@models.command("list")
@setting_flags(*CLIENT_SETTINGS)
def models_list(**flags: Any) -> None:
    """List imported models, newest first."""
    from outcrop.app.connect import running_server
    from outcrop.terminal.tables import print_models

    print_models(running_server(load(flags)))


@models.command("delete")
@click.argument("model", metavar="NAME|ARN")
@setting_flags(*CLIENT_SETTINGS)
def models_delete(model: str, **flags: Any) -> None:
    """Delete an imported model: its key first, then its copies and bytes."""
    from outcrop.app.connect import running_server

    running_server(load(flags)).call("bedrock", "delete_imported_model", modelIdentifier=model)
    click.echo(f"deleted {model}")


@cli.command()
@click.argument("model", metavar="NAME|ARN")
@click.argument("prompt", metavar="PROMPT|-")
@click.option("--system", default="", help="What the model is to know or to be, before the prompt.")
@click.option(
    "--max-tokens", default=256, show_default=True, type=click.IntRange(min=1), help="Longest answer, in tokens."
)
@click.option("--temperature", default=0.0, show_default=True, help="0 is greedy.")
@setting_flags(*CLIENT_SETTINGS)
def invoke(model: str, prompt: str, system: str, max_tokens: int, temperature: float, **flags: Any) -> None:
    """Ask an imported model something, and print its answer as it comes.

    With - for the prompt, it is read from standard input.
    """
    from outcrop.app.connect import running_server
    from outcrop.terminal.invoke import answer

    server = running_server(load(flags))
    asked = sys.stdin.read() if prompt == "-" else prompt
    for piece in answer(server, model, asked, system=system, max_tokens=max_tokens, temperature=temperature):
        click.echo(piece, nl=False)
    click.echo()
