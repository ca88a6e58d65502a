"""Users as the terminal shows and changes them."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console

from outcrop.access import policy as policies
from outcrop.access.credentials import new_access_key, new_api_key
from outcrop.access.evaluate import Request, decide
from outcrop.access.managed import MANAGED
from outcrop.app.access import now, open_users
from outcrop.errors import NotFoundError, ValidationError
from outcrop.records import AccessKey, User
from outcrop.settings import Settings
from outcrop.terminal.tables import table

_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
"""IAM's rule for user names (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html)."""


def create_user(settings: Settings, name: str, policy: str | None) -> None:
    """Makes a user with one access key, and prints the key."""
    if _NAME.fullmatch(name) is None:
        raise ValidationError(f"{name!r} is not a user name: 1 to 64 letters, digits and +=,.@_- are.")
    key = _new_key()
    user = User(
        account=settings.account,
        name=name,
        created_at=key.created_at,
        policy=None if policy is None else _read_policy(policy),
        access_keys=(key,),
    )
    with open_users(settings) as users:
        asyncio.run(users.create(user))
    click.echo(f"created {user.arn}", err=True)
    if policy is None:
        click.echo(f"It may do nothing yet: outcrop access policy {name} full|read|invoke|FILE", err=True)
    _print_key(key)


def delete_user(settings: Settings, name: str) -> None:
    """Deletes a user."""
    with open_users(settings) as users:
        asyncio.run(users.delete(settings.account, name))
    click.echo(f"deleted {name}")


def print_users(settings: Settings) -> None:
    """Prints every user of the account, a line for each key."""
    shown = table("user", "policy", "key", "made", "ends")
    with open_users(settings) as users:
        found = asyncio.run(users.all())
    for user in found:
        if user.account != settings.account:
            continue
        told = (user.name, _policy_name(user.policy))
        for key in user.access_keys:
            shown.add_row(*told, key.id, f"{key.created_at:%Y-%m-%d}", "")
        for api_key in user.api_keys:
            ends = "" if api_key.expires_at is None else f"{api_key.expires_at:%Y-%m-%d}"
            has_ended = api_key.expires_at is not None and api_key.expires_at <= now()
            shown.add_row(*told, api_key.id, f"{api_key.created_at:%Y-%m-%d}", f"[red]{ends}" if has_ended else ends)
        if not user.access_keys and not user.api_keys:
            shown.add_row(*told, "", "", "")
    Console().print(shown)


def print_policy(settings: Settings, name: str) -> None:
    """Prints a user's policy document."""
    click.echo(_find(settings, name).policy or "")


def set_policy(settings: Settings, name: str, policy: str) -> None:
    """Replaces a user's policy."""
    text = _read_policy(policy)
    _change(settings, name, lambda user: replace(user, policy=text))
    click.echo(f"{name}: {_policy_name(text)}")


def add_access_key(settings: Settings, name: str) -> None:
    """Gives a user one more access key, and prints it."""
    key = _new_key()
    _change(settings, name, lambda user: replace(user, access_keys=(*user.access_keys, key)))
    _print_key(key)


def add_api_key(settings: Settings, name: str, days: int | None) -> None:
    """Gives a user a long-term Bedrock API key, and prints it."""
    made_at = now()
    ends_at = None if days is None else made_at + timedelta(days=days)
    kept, token = new_api_key(settings.account, made_at, ends_at)
    _change(settings, name, lambda user: replace(user, api_keys=(*user.api_keys, kept)))
    click.echo(f"{kept.id}: the key is shown this once.", err=True)
    click.echo(f"export AWS_BEARER_TOKEN_BEDROCK={shlex.quote(token)}")


def remove_key(settings: Settings, name: str, key_id: str) -> None:
    """Takes a key away."""

    def without(user: User) -> User:
        if key_id not in {key.id for key in user.access_keys} | {key.id for key in user.api_keys}:
            raise NotFoundError(f"{name} has no key {key_id}.")
        return replace(
            user,
            access_keys=tuple(key for key in user.access_keys if key.id != key_id),
            api_keys=tuple(key for key in user.api_keys if key.id != key_id),
        )

    _change(settings, name, without)
    click.echo(f"removed {key_id}")


def print_decision(settings: Settings, name: str, action: str, resource: str) -> bool:
    """Prints whether a user's policy allows an action, and returns that."""
    user = _find(settings, name)
    # All that there is of Bedrock's in the account: what lists ask for, and creation.
    named = resource if resource != "*" else f"arn:aws:bedrock:{settings.region}:{user.account}:*"
    decision = decide(
        () if user.policy is None else (policies.read(user.policy),),
        Request(
            action=action,
            resource=named,
            principal_arn=user.arn,
            account=user.account,
            region=settings.region,
            source_ip="127.0.0.1",
        ),
    )
    click.echo(f"{decision.reason}: {action} on {named}")
    return decision.allowed


def _find(settings: Settings, name: str) -> User:
    with open_users(settings) as users:
        found = asyncio.run(users.all())
    for user in found:
        if (user.account, user.name) == (settings.account, name):
            return user
    raise NotFoundError(f"Account {settings.account} has no user named {name}.")


def _change(settings: Settings, name: str, edit: Callable[[User], User]) -> None:
    with open_users(settings) as users:
        asyncio.run(users.change(settings.account, name, edit))


def _read_policy(text: str) -> str:
    """Returns the document that a name or a file stands for. Raises ValidationError for one that is not obeyed."""
    document = MANAGED.get(text)
    if document is None:
        try:
            document = Path(text).expanduser().read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ValidationError(f"{text} is neither {', '.join(MANAGED)} nor a file that can be read.") from error
    policies.read(document)
    return document


def _policy_name(text: str | None) -> str:
    if text is None:
        return "none"
    return next((name for name, document in MANAGED.items() if document == text), "its own")


def _new_key() -> AccessKey:
    key_id, secret = new_access_key()
    return AccessKey(id=key_id, secret=secret, created_at=now())


def _print_key(key: AccessKey) -> None:
    click.echo(f"export AWS_ACCESS_KEY_ID={key.id}")
    click.echo(f"export AWS_SECRET_ACCESS_KEY={shlex.quote(key.secret)}")
