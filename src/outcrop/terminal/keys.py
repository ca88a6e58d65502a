"""`outcrop keys list` and `outcrop keys rotate`: what they show."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from outcrop.app.keys import copies_of, open_keyring, rewrap_models
from outcrop.settings import Settings


async def print_keys(settings: Settings) -> None:
    """Prints every key of the keyring, the service's own first."""
    keyring = open_keyring(settings).read()
    copies = await copies_of(settings, list(keyring.keys))
    table = Table(box=None, pad_edge=False)
    for column in ("key", "aliases", "state", "versions", "models", "created"):
        table.add_column(column, overflow="fold")
    for arn, key in sorted(keyring.keys.items(), key=lambda item: item[0] != keyring.service_key):
        aliases = keyring.aliases_of(arn)
        table.add_row(
            arn,
            "\n".join([*aliases, *(["(the service's own)"] if arn == keyring.service_key else [])]),
            "[green]enabled" if key.is_enabled else "[red]disabled",
            str(len(key.versions)),
            str(copies[arn]),
            key.created_at,
        )
    Console().print(table)


async def rotate(settings: Settings, key_id: str) -> None:
    """Gives a key new material, wraps the keys of its models anew, and says so."""
    keyring = open_keyring(settings)
    arn = keyring.rotate(key_id)
    click.echo(f"rotated {arn}: {await rewrap_models(settings, keyring, arn)} model keys wrapped anew")
