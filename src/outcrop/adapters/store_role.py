"""ObjectStore of one import: every request is signed with the credentials that its role has at that moment.

There is no way from here to the server's own credentials: the boto3 session has one source of them, the role's session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials

from outcrop.adapters.store_s3 import S3ObjectStore
from outcrop.errors import CredentialsExpiredError
from outcrop.imports.role_session import RoleSession
from outcrop.ports import Buffer, ByteSink
from outcrop.records import SourceLocation, SourceObject


class RoleObjectStore:
    """S3, read as a role. Endpoint, region and addressing are those of the environment; the credentials never are."""

    def __init__(self, role: RoleSession, open_s3: Callable[[boto3.Session], S3ObjectStore]) -> None:
        """Keeps the role.

        Args:
            role: whose credentials sign.
            open_s3: opens S3 with a session that has these credentials alone.
        """
        self._role = role
        self._store = open_s3(_signed_by(role))

    async def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location."""
        async with self._role_ready():
            async for item in self._store.list(location):
                yield item

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with its version and stored checksum."""
        async with self._role_ready():
            return await self._store.pin(source)

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        async with self._role_ready():
            return await self._store.read(source, start, end)

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned object into the sink, in order, in one thread."""
        async with self._role_ready():
            await self._store.stream(source, start, end, sink)

    def close(self) -> None:
        """Ends threads and connections."""
        self._store.close()

    @asynccontextmanager
    async def _role_ready(self) -> AsyncIterator[None]:
        used = await self._role.ready()
        try:
            yield
        except CredentialsExpiredError:
            # Whoever waits for what is away asks again, and then finds others.
            self._role.expired(used)
            raise


def _signed_by(role: RoleSession) -> boto3.Session:
    session = botocore.session.Session()
    # In place of the default chain: environment, profiles and metadata services are not even looked at.
    session.register_component("credential_provider", CredentialResolver(providers=[_RoleProvider(role)]))
    return boto3.Session(botocore_session=session)


class _RoleProvider(CredentialProvider):  # type: ignore[misc]  # botocore ships no types
    """The one source of credentials of a session."""

    METHOD = "outcrop-role"
    CANONICAL_NAME = None

    def __init__(self, role: RoleSession) -> None:
        super().__init__()
        self._role = role

    def load(self) -> Credentials:
        """Returns credentials that are looked up at each use."""
        return _RoleCredentials(self._role)


class _RoleCredentials(Credentials):  # type: ignore[misc]  # botocore ships no types
    """What botocore asks for at each signature."""

    def __init__(self, role: RoleSession) -> None:
        super().__init__("", "", None, method=_RoleProvider.METHOD)
        self._role = role

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Returns the credentials of this moment."""
        held = self._role.credentials
        if held is None:
            # Another request has just found that they expired. Signed with nothing, this one would be refused for good.
            raise CredentialsExpiredError("The role's session", "it has expired and is being renewed")
        return ReadOnlyCredentials(held.access_key_id, held.secret_access_key, held.session_token)
