"""The user catalog in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from outcrop.errors import ConflictError, NotFoundError
from outcrop.records import User


class FakeUserCatalog:
    """UserCatalog on a dictionary."""

    def __init__(self) -> None:
        self._users: dict[tuple[str, str], User] = {}
        self._version = 1

    async def version(self) -> int:
        """Returns a number that differs after every change."""
        return self._version

    async def all(self) -> Sequence[User]:
        """Returns every user, by account and name."""
        return [self._users[key] for key in sorted(self._users)]

    async def create(self, user: User) -> None:
        """Adds a user. Raises ConflictError when the account has one of this name."""
        if (user.account, user.name) in self._users:
            raise ConflictError(f"Account {user.account} has a user named {user.name}.")
        self._keep(user)

    async def change(self, account: str, name: str, edit: Callable[[User], User]) -> User:
        """Replaces a user by what `edit` makes of it, and returns that. Raises NotFoundError."""
        edited = edit(self._find(account, name))
        self._keep(edited)
        return edited

    async def delete(self, account: str, name: str) -> None:
        """Removes a user with all keys. Raises NotFoundError."""
        self._find(account, name)
        del self._users[account, name]
        self._version += 1

    def _find(self, account: str, name: str) -> User:
        if (account, name) not in self._users:
            raise NotFoundError(f"Account {account} has no user named {name}.")
        return self._users[account, name]

    def _keep(self, user: User) -> None:
        self._users[user.account, user.name] = user
        self._version += 1
