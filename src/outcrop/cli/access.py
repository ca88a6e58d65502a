"""`outcrop access`: who may call, and what each may do. No logic."""
# ruff: noqa: PLC0415, D301  # as in the package

from __future__ import annotations

import sys
from typing import Any

import click

from outcrop.cli.options import CATALOG_SETTINGS, EXIT_NO, setting_flags
from outcrop.settings import load

_POLICY_HELP = "full, read, invoke, or a file with an IAM policy document."


@click.group()
def access() -> None:
    """Manage users: their keys, and what their IAM policies allow.

    \b
    eval "$(outcrop access create ci --policy invoke)"   a user, and its key in this shell
    outcrop access policy ci ./policy.json               give it another policy
    outcrop access test ci bedrock:DeleteImportedModel   may it?

    A running server takes every change within a second. The root principal, whose key `outcrop env` prints, may do
    everything and is not listed.
    """


@access.command("create")
@click.argument("user")
@click.option("--policy", default=None, metavar="POLICY", help=f"{_POLICY_HELP} Without one, nothing is allowed.")
@setting_flags(*CATALOG_SETTINGS)
def create(user: str, policy: str | None, **flags: Any) -> None:
    """Make a user, and print export lines with its key, whose secret is shown this once."""
    from outcrop.terminal.access import create_user

    create_user(load(flags), user, policy)


@access.command("list")
@setting_flags(*CATALOG_SETTINGS)
def list_(**flags: Any) -> None:
    """List users and their keys."""
    from outcrop.terminal.access import print_users

    print_users(load(flags))


@access.command("delete")
@click.argument("user")
@setting_flags(*CATALOG_SETTINGS)
def delete(user: str, **flags: Any) -> None:
    """Delete a user with all its keys."""
    from outcrop.terminal.access import delete_user

    delete_user(load(flags), user)


@access.command("policy")
@click.argument("user")
@click.argument("policy", required=False)
@setting_flags(*CATALOG_SETTINGS)
def policy_(user: str, policy: str | None, **flags: Any) -> None:
    """Print a user's policy, or replace it.

    POLICY is full, read, invoke, or a file with an IAM policy document. A document with anything that Outcrop would not
    obey to the letter is refused, with the place.
    """
    from outcrop.terminal.access import print_policy, set_policy

    if policy is None:
        print_policy(load(flags), user)
    else:
        set_policy(load(flags), user, policy)


@access.command("add-key")
@click.argument("user")
@setting_flags(*CATALOG_SETTINGS)
def add_key(user: str, **flags: Any) -> None:
    """Make another access key, and print export lines; its secret is shown this once."""
    from outcrop.terminal.access import add_access_key

    add_access_key(load(flags), user)


@access.command("add-api-key")
@click.argument("user")
@click.option("--days", type=click.IntRange(min=1), default=None, help="How long it works; default: for ever.")
@setting_flags(*CATALOG_SETTINGS)
def add_api_key_(user: str, days: int | None, **flags: Any) -> None:
    """Make a long-term Bedrock API key, and print an export line; it is shown this once.

    Clients send it as a bearer token, and only over HTTPS: see --tls-cert of `outcrop serve`.
    """
    from outcrop.terminal.access import add_api_key

    add_api_key(load(flags), user, days)


@access.command("remove-key")
@click.argument("user")
@click.argument("key_id")
@setting_flags(*CATALOG_SETTINGS)
def remove_key_(user: str, key_id: str, **flags: Any) -> None:
    """Take a key away from a user: an access key or an API key, by its id."""
    from outcrop.terminal.access import remove_key

    remove_key(load(flags), user, key_id)


@access.command("test")
@click.argument("user")
@click.argument("action")
@click.argument("resource", default="*")
@setting_flags(*CATALOG_SETTINGS)
def test(user: str, action: str, resource: str, **flags: Any) -> None:
    """Tell whether a user's policy allows an action on a resource. Exit status: 0 allowed, 1 not.

    ACTION is an IAM action such as bedrock:InvokeModel; RESOURCE an ARN, by default all that the user's account has.
    """
    from outcrop.terminal.access import print_decision

    sys.exit(0 if print_decision(load(flags), user, action, resource) else EXIT_NO)
