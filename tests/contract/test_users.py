"""What every user catalog does: the fake, and SQL on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outcrop.adapters.catalog_sql import Database, SqlUserCatalog
from outcrop.errors import ConflictError, NotFoundError, SettingError
from outcrop.ports import UserCatalog
from outcrop.records import AccessKey, ApiKey, User
from outcrop.testing.clock import BEGIN
from outcrop.testing.users import FakeUserCatalog

pytestmark = pytest.mark.anyio

SECRET = "the-secret-of-a-key"
ANA = User(
    account="000000000000",
    name="ana",
    created_at=BEGIN,
    policy='{"any": "text"}',
    access_keys=(AccessKey(id="AKIAANA", secret=SECRET, created_at=BEGIN),),
    api_keys=(
        ApiKey(id="api-1", sha256="0" * 64, created_at=BEGIN),
        ApiKey(id="api-2", sha256="1" * 64, created_at=BEGIN, expires_at=BEGIN + timedelta(days=1)),
    ),
)
BOB = User(account="000000000000", name="bob", created_at=BEGIN)


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def users(request: pytest.FixtureRequest) -> Iterator[UserCatalog]:
    """An empty catalog."""
    if request.param == "fake":
        yield FakeUserCatalog()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    database.migrate()
    yield SqlUserCatalog(database, b"k" * 32)
    database.close()


def files_of(folder: Path) -> bytes:
    """Everything that the files of a folder hold."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_users_come_back_as_they_were(users: UserCatalog) -> None:
    """With every key, by account and name."""
    other = replace(BOB, account="111111111111", name="aaa")
    for user in (other, BOB, ANA):
        await users.create(user)

    assert await users.all() == [ANA, BOB, other]


async def test_a_name_is_taken_once_in_an_account(users: UserCatalog) -> None:
    """The first stays as it is; another account may use the name."""
    await users.create(ANA)

    with pytest.raises(ConflictError, match="ana"):
        await users.create(replace(ANA, policy=None))
    await users.create(replace(ANA, account="111111111111"))

    assert (await users.all())[0] == ANA


async def test_every_change_makes_another_version(users: UserCatalog) -> None:
    """Servers read the users again when it differs, and only then."""
    seen = [await users.version()]
    await users.create(ANA)
    seen.append(await users.version())
    await users.change(ANA.account, "ana", lambda user: replace(user, policy=None))
    seen.append(await users.version())
    await users.delete(ANA.account, "ana")
    seen.append(await users.version())
    await users.all()

    assert len(set(seen)) == 4
    assert await users.version() == seen[-1]


async def test_no_change_is_lost_among_many(users: UserCatalog) -> None:
    """Ten at once each add a key."""
    await users.create(BOB)

    async def add(number: int) -> None:
        key = AccessKey(id=f"AKIA{number}", secret="s", created_at=BEGIN)
        await users.change(BOB.account, "bob", lambda user: replace(user, access_keys=(*user.access_keys, key)))

    await asyncio.gather(*(add(number) for number in range(10)))

    assert {key.id for key in (await users.all())[0].access_keys} == {f"AKIA{number}" for number in range(10)}


async def test_who_is_not_there_is_not_found(users: UserCatalog) -> None:
    """By changes and by deletion, the second one too."""
    await users.create(ANA)
    await users.delete(ANA.account, "ana")

    with pytest.raises(NotFoundError, match="ana"):
        await users.delete(ANA.account, "ana")
    with pytest.raises(NotFoundError, match="ana"):
        await users.change(ANA.account, "ana", lambda user: user)
    assert await users.all() == []


async def test_secrets_are_sealed_in_the_database(tmp_path: Path) -> None:
    """Neither the file nor its log holds one; under another key they do not open."""
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    database.migrate()
    try:
        await SqlUserCatalog(database, b"k" * 32).create(ANA)

        with pytest.raises(SettingError, match=r"root\.json"):
            await SqlUserCatalog(database, b"x" * 32).all()
        assert SECRET.encode() not in files_of(tmp_path)
    finally:
        database.close()


async def test_a_sealed_secret_belongs_to_its_key(tmp_path: Path) -> None:
    """Who can write to the database cannot give one user the secret of another."""
    path = tmp_path / "catalog.sqlite"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    try:
        users = SqlUserCatalog(database, b"k" * 32)
        await users.create(ANA)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE users SET access_keys = replace(access_keys, 'AKIAANA', 'AKIAEVE')")
        connection.close()

        with pytest.raises(SettingError):
            await users.all()
    finally:
        database.close()
