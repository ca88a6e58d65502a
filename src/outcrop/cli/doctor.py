"""`outcrop doctor`. No logic."""
# ruff: noqa: PLC0415, D301  # as in the package

from __future__ import annotations

import sys
from typing import Any

import click

from outcrop.cli.options import EXIT_UNKNOWN, setting_flags
from outcrop.errors import OutcropError
from outcrop.settings import load

SETTINGS = (
    *("data", "database", "vault", "keys", "kms_key", "networks", "account", "region"),
    *("engine", "engine_command", "plaintext_dir", "roles", "role_external_id", "role_source_identity"),
    *("role_session_s", "role_session_policy"),
)


@click.command()
@click.argument("target", metavar="[s3://BUCKET/PREFIX/]", required=False)
@click.option("--endpoint-url", default=None, metavar="URL", help="The store; default: as AWS_ENDPOINT_URL_S3 says.")
@click.option("--role-arn", default=None, metavar="ARN", help="Role that reads the store; assumed as an import would.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcomes as JSON (docs/doctor.md).")
@setting_flags(*SETTINGS)
def doctor(
    target: str | None,
    endpoint_url: str | None,
    role_arn: str | None,
    as_json: bool,  # noqa: FBT001  # click's way
    **flags: Any,
) -> None:
    """Say what is wrong between Outcrop and what it needs, and the cure.

    With an address, the store is tried layer by layer, up to the first that is broken: endpoint, name, connection,
    certificate, protocol, clock, credentials, signature, region, addressing, bucket, permission, objects, ranged reads,
    checksums. Then, and without an address, this machine and its settings: packages, memory, data folder, vault,
    database, keys, networks, engine.

    \b
    outcrop doctor
    outcrop doctor s3://models/llama/ --endpoint-url http://minio.local:9000

    Exit status: 0 all is well, 1 something is wrong, 2 something could not be told.
    """
    import asyncio

    from outcrop.app import logs
    from outcrop.app.doctor import examine
    from outcrop.doctor.outcomes import exit_status
    from outcrop.terminal.doctor import print_outcomes

    # What the parts that are tried would log, the outcomes say.
    logs.configure(log_format="text", level="error")
    try:
        outcomes = asyncio.run(examine(target, load(flags), endpoint_url=endpoint_url, role_arn=role_arn))
    except OutcropError as error:
        click.echo(f"outcrop doctor: {error}", err=True)
        sys.exit(EXIT_UNKNOWN)
    print_outcomes(target, outcomes, as_json=as_json)
    sys.exit(exit_status(outcomes))
