"""`outcrop keys`: the keys of the local keyring. No logic."""
# ruff: noqa: PLC0415, D301  # as in the package

from __future__ import annotations

from typing import Any

import click

from outcrop.cli.options import CATALOG_SETTINGS, setting_flags
from outcrop.settings import load


@click.group()
def keys() -> None:
    """Make and manage the keys of the local keyring; a running server notices.

    \b
    outcrop keys create --alias alias/team      importedModelKmsKeyId="alias/team"
    outcrop keys rotate alias/team              new material; weights are not touched
    outcrop keys disable alias/team             its models cannot be loaded any more

    KEY is a key ARN, a key id, an alias ARN or an alias name. Keys in AWS KMS are managed there.
    """


@keys.command("create")
@click.option("--alias", default=None, metavar="NAME", help="Name of the key, such as alias/team.")
@setting_flags(*CATALOG_SETTINGS)
def create(alias: str | None, **flags: Any) -> None:
    """Make a key, and print its ARN."""
    from outcrop.app.keys import open_keyring

    click.echo(open_keyring(load(flags), is_made=True).create(alias))


@keys.command("list")
@setting_flags(*CATALOG_SETTINGS)
def list_(**flags: Any) -> None:
    """List keys, their aliases, and how many models each wraps."""
    import asyncio

    from outcrop.terminal.keys import print_keys

    asyncio.run(print_keys(load(flags)))


@keys.command("rotate")
@click.argument("key", metavar="KEY")
@setting_flags(*CATALOG_SETTINGS)
def rotate(key: str, **flags: Any) -> None:
    """Give a key new material, and wrap the keys of its models anew; weights are not touched."""
    import asyncio

    from outcrop.app import logs
    from outcrop.terminal.keys import rotate

    settings = load(flags)
    # Each use of a key is told here as it is by the server.
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    asyncio.run(rotate(settings, key))


@keys.command("disable")
@click.argument("key", metavar="KEY")
@setting_flags(*CATALOG_SETTINGS)
def disable(key: str, **flags: Any) -> None:
    """Keep a key from being used: its models cannot be loaded any more; copies that are loaded go on until idle."""
    from outcrop.app.keys import open_keyring

    click.echo(f"disabled {open_keyring(load(flags)).enable(key, is_enabled=False)}")


@keys.command("enable")
@click.argument("key", metavar="KEY")
@setting_flags(*CATALOG_SETTINGS)
def enable(key: str, **flags: Any) -> None:
    """Let a key be used again."""
    from outcrop.app.keys import open_keyring

    click.echo(f"enabled {open_keyring(load(flags)).enable(key, is_enabled=True)}")


@keys.command("alias")
@click.argument("name", metavar="NAME")
@click.argument("key", metavar="KEY")
@setting_flags(*CATALOG_SETTINGS)
def alias(name: str, key: str, **flags: Any) -> None:
    """Give a key a name, such as alias/team; a key that had it before loses it."""
    from outcrop.app.keys import open_keyring

    click.echo(f"{name} is {open_keyring(load(flags)).alias(name, key)}")
