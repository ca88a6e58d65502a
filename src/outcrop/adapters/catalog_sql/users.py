"""UserCatalog on SQL. What signs is kept sealed: a stolen database opens no door."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import IntegrityError as ConstraintError

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.tables import users, users_version
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import ConflictError, NotFoundError, SettingError
from outcrop.records import AccessKey, ApiKey, User

NONCE_BYTES = 12


class SqlUserCatalog:
    """Users in a database; the secrets of their access keys under AES-256-GCM with `sealing_key`."""

    def __init__(self, database: Database, sealing_key: bytes) -> None:
        self._database = database
        self._aead = AESGCM(sealing_key)

    async def version(self) -> int:
        """Returns a number that differs after every change; cheap to ask."""
        select = sa.select(users_version.c.version)
        return int(await self._database.read(lambda connection: connection.execute(select).scalar_one()))

    async def all(self) -> Sequence[User]:
        """Returns every user, by account and name."""
        select = sa.select(users).order_by(users.c.account, users.c.name)
        rows = await self._database.read(lambda connection: connection.execute(select).all())
        return [self._user_of(row) for row in rows]

    async def create(self, user: User) -> None:
        """Adds a user. Raises ConflictError when the account has one of this name."""

        def work(connection: sa.Connection) -> None:
            connection.execute(users.insert().values(**self._row_of(user)))
            _count(connection)

        try:
            await self._database.transaction(work)
        except ConstraintError:
            raise ConflictError(f"Account {user.account} has a user named {user.name}.") from None
        reached(CrashPoint.USER_CREATED)

    async def change(self, account: str, name: str, edit: Callable[[User], User]) -> User:
        """Replaces a user by what `edit` makes of it, and returns that. Raises NotFoundError."""

        def work(connection: sa.Connection) -> User:
            row = connection.execute(sa.select(users).where(*_is(account, name)).with_for_update()).one_or_none()
            if row is None:
                raise _not_found(account, name)
            edited = edit(self._user_of(row))
            connection.execute(users.update().where(*_is(account, name)).values(**self._row_of(edited)))
            _count(connection)
            return edited

        changed = await self._database.transaction(work)
        reached(CrashPoint.USER_CHANGED)
        return changed

    async def delete(self, account: str, name: str) -> None:
        """Removes a user with all keys. Raises NotFoundError."""

        def work(connection: sa.Connection) -> None:
            if connection.execute(users.delete().where(*_is(account, name))).rowcount == 0:
                raise _not_found(account, name)
            _count(connection)

        await self._database.transaction(work)
        reached(CrashPoint.USER_DELETED)

    def _row_of(self, user: User) -> dict[str, Any]:
        return {
            "account": user.account,
            "name": user.name,
            "created_at": user.created_at,
            "policy": user.policy,
            "access_keys": [
                {"id": key.id, "sealed": self._seal(key), "created_at": _stored(key.created_at)}
                for key in user.access_keys
            ],
            "api_keys": [
                {
                    "id": key.id,
                    "sha256": key.sha256,
                    "created_at": _stored(key.created_at),
                    "expires_at": _stored(key.expires_at),
                }
                for key in user.api_keys
            ],
        }

    def _user_of(self, row: sa.Row[Any]) -> User:
        return User(
            account=row.account,
            name=row.name,
            created_at=row.created_at,
            policy=row.policy,
            access_keys=tuple(
                AccessKey(
                    id=item["id"],
                    secret=self._open(item["id"], item["sealed"]),
                    created_at=datetime.fromisoformat(item["created_at"]),
                )
                for item in row.access_keys
            ),
            api_keys=tuple(
                ApiKey(
                    id=item["id"],
                    sha256=item["sha256"],
                    created_at=datetime.fromisoformat(item["created_at"]),
                    expires_at=None if item["expires_at"] is None else datetime.fromisoformat(item["expires_at"]),
                )
                for item in row.api_keys
            ),
        )

    def _seal(self, key: AccessKey) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, key.secret.encode(), key.id.encode())).decode()

    def _open(self, key_id: str, sealed: str) -> str:
        data = base64.b64decode(sealed)
        try:
            return self._aead.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], key_id.encode()).decode()
        except InvalidTag:
            raise SettingError(
                "--data", "keys/root.json is not the one under which the catalog's access keys were made"
            ) from None


def _is(account: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return users.c.account == account, users.c.name == name


def _count(connection: sa.Connection) -> None:
    connection.execute(users_version.update().values(version=users_version.c.version + 1))


def _not_found(account: str, name: str) -> NotFoundError:
    return NotFoundError(f"Account {account} has no user named {name}.")


def _stored(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
