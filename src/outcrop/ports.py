"""The ports: everything outside that Outcrop needs, as Protocols of at most six methods.

Adapters implement them, `app.py` joins them, `outcrop.testing.fakes` has a fake of each, and `tests/contract` holds one
suite for each that every implementation passes. All errors are those of `errors.py`; an adapter translates.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from outcrop.arn import ResourceKind, Tenant
from outcrop.records import (
    NO_QUOTAS,
    DataKey,
    ImportedModel,
    ImportJob,
    JobNote,
    JsonObject,
    JsonValue,
    ListQuery,
    Page,
    Quotas,
    ServableModel,
    SourceLocation,
    SourceObject,
    Stage,
    Tag,
    User,
)

Buffer = bytes | bytearray | memoryview
"""What holds bytes on its way: anything that gives its memory without a copy."""


class Clock(Protocol):
    """Time, passed in so that tests can turn it."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class ObjectStore(Protocol):
    """Where models come from: buckets of objects, read-only.

    Raises SourceMissingError, SourceDeniedError, SourceChangedError; UnavailableError after its own retries.
    """

    def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, any number of pages, pinned by size and ETag."""
        ...

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        ...


class VaultFile(Protocol):
    """A sealed file that is being written; nothing of it is visible until its artifact is published."""

    async def write(self, offset: int, data: Buffer) -> None:
        """Writes at an offset; calls may overlap in time, never in range."""
        ...


class Vault(Protocol):
    """Where sealed artifacts are kept. An artifact is staged file by file, then published whole, then immutable.

    Raises StorageError (full, read-only, gone) and UnavailableError (away for now).
    """

    def create(self, artifact_id: str, path: str, size_bytes: int) -> AbstractAsyncContextManager[VaultFile]:
        """Opens a staged file of a known sealed size, anew; leaving the context without error has synced its bytes."""
        ...

    async def read(self, artifact_id: str, path: str, start: int, end: int) -> Buffer:
        """Returns exactly [start, end) of a sealed file, staged or published. Raises IntegrityError for less."""
        ...

    async def size(self, artifact_id: str, path: str) -> int:
        """Returns the size of a sealed file in bytes, staged or published. Raises IntegrityError if there is none."""
        ...

    async def publish(self, artifact_id: str) -> None:
        """Makes a staged artifact permanent, durably; does nothing when it already is."""
        ...

    async def delete(self, artifact_id: str) -> None:
        """Removes an artifact, staged or published, and everything of it; does nothing when there is none."""
        ...

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts of which the vault holds anything, staged or published."""
        ...


class KeyService(Protocol):
    """Keys that wrap data keys. Raises KeyUnavailableError, and UnavailableError when the service is away."""

    async def resolve(self, key_id: str | None, tenant: Tenant) -> str:
        """Returns the ARN of the key that an ARN, id or alias means; None means the service's own key."""
        ...

    async def generate_data_key(self, key_arn: str, context: Mapping[str, str]) -> DataKey:
        """Makes a 256-bit data key, wrapped by the key under an encryption context."""
        ...

    async def unwrap(self, key_arn: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Returns the data key; the context must be the one that it was wrapped under."""
        ...


class JobCatalog(Protocol):
    """The durable record of import jobs. Creating and moving are transactions; what returned is on the disk."""

    async def create(self, job: ImportJob, quotas: Quotas = NO_QUOTAS) -> ImportJob:
        """Adds a job and returns it; or the one that the same client request token and request made before.

        Raises ConflictError when the job's or the model's name is taken in that account and region, or the token was
        used with another request; QuotaExceededError when the account has as much there as it may.
        """
        ...

    async def get(self, tenant: Tenant | None, identifier: str) -> ImportJob:
        """Returns a job by id or name; without a tenant, of any account by id only. Raises NotFoundError."""
        ...

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportJob]:
        """Returns a page of jobs, without their reports, which can be large."""
        ...

    async def move(
        self,
        job_id: str,
        to: Stage,
        *,
        allowed_from: frozenset[Stage],
        at: datetime,
        failure_message: str | None = None,
    ) -> ImportJob:
        """Moves a job to a stage. Raises IllegalMoveError when it stands in none of `allowed_from`."""
        ...

    async def record(self, job_id: str, note: JobNote) -> None:
        """Keeps what a running job tells of itself. Raises IllegalMoveError when the job has ended."""
        ...

    async def unfinished(self) -> Sequence[ImportJob]:
        """Returns the unended jobs of all accounts, oldest first."""
        ...


class ModelCatalog(Protocol):
    """The durable record of imported models."""

    async def publish(self, model: ImportedModel, *, allowed_from: frozenset[Stage]) -> None:
        """In one transaction: makes the model visible and its job Completed. Raises IllegalMoveError."""
        ...

    async def get(self, tenant: Tenant, identifier: str) -> ImportedModel:
        """Returns a model by id or name. Raises NotFoundError."""
        ...

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportedModel]:
        """Returns a page of models."""
        ...

    async def delete(self, tenant: Tenant, model_id: str) -> bool:
        """Forgets a model and its wrapped key; True when no other model uses its artifact. Raises NotFoundError."""
        ...

    async def artifact_ids(self) -> Sequence[str]:
        """Lists the artifacts that models of any account point to."""
        ...


class TagCatalog(Protocol):
    """The tags of jobs and models. All raise NotFoundError for a resource that is not there."""

    async def get(self, tenant: Tenant, kind: ResourceKind, resource_id: str) -> tuple[Tag, ...]:
        """Returns a resource's tags, by key."""
        ...

    async def put(
        self, tenant: Tenant, kind: ResourceKind, resource_id: str, tags: Sequence[Tag], *, most: int
    ) -> None:
        """Adds tags or gives them new values. Raises TooManyTagsError when the resource would have more than `most`."""
        ...

    async def remove(self, tenant: Tenant, kind: ResourceKind, resource_id: str, keys: Sequence[str]) -> None:
        """Removes tags by key; keys that the resource does not have are no matter."""
        ...


class UserCatalog(Protocol):
    """The users and their keys. Few, and read as a whole; every change makes the version another one."""

    async def version(self) -> int:
        """Returns a number that differs after every change; cheap to ask."""
        ...

    async def all(self) -> Sequence[User]:
        """Returns every user, by account and name."""
        ...

    async def create(self, user: User) -> None:
        """Adds a user. Raises ConflictError when the account has one of this name."""
        ...

    async def change(self, account: str, name: str, edit: Callable[[User], User]) -> User:
        """Replaces a user by what `edit` makes of it, and returns that; nobody else's change comes between.

        Raises NotFoundError.
        """
        ...

    async def delete(self, account: str, name: str) -> None:
        """Removes a user with all keys. Raises NotFoundError."""
        ...


RunStep = Callable[[str, Callable[[], Awaitable[JsonValue]]], Awaitable[JsonValue]]
"""Runs a named step once: its JSON result is recorded durably, and a later attempt gets the record instead."""

Workflow = Callable[[str, RunStep], Awaitable[None]]
"""What a job engine runs for a job id, again from its last recorded step after every interruption."""


class JobEngine(Protocol):
    """Runs a durable workflow for each job, to its end, whatever is killed."""

    async def launch(self) -> None:
        """Starts working, and takes up what an earlier process left behind."""
        ...

    async def start(self, job_id: str) -> None:
        """Makes sure that the job's workflow runs; starting it again is harmless."""
        ...

    async def close(self) -> None:
        """Stops taking work; what is under way goes on at the next launch."""
        ...


class RunningEngine(Protocol):
    """An inference engine that holds one model and speaks the OpenAI HTTP API."""

    @property
    def description(self) -> str:
        """Engine and version, for evidence and logs."""
        ...

    @property
    def is_alive(self) -> bool:
        """Whether the engine still runs."""
        ...

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """Sends a request and returns its reply. Raises ModelFailedError, ModelTimeoutError, EngineError."""
        ...

    def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Sends a request and yields the chunks of its reply as they come; closing it early frees the engine.

        The last chunks tell the finish reason of each choice and the usage. Raises as `post` does, at any chunk.
        """
        ...

    async def stop(self) -> None:
        """Ends the engine and frees what it holds; does nothing the second time."""
        ...


class Engine(Protocol):
    """Something that can start an engine on a folder of plaintext files."""

    async def start(self, folder: str, *, label: str) -> RunningEngine:
        """Returns once the engine has loaded the folder; it no longer needs it then. Raises EngineError."""
        ...


class CopyHost(Protocol):
    """A place where copies of models run: this machine, or a cluster of them."""

    async def start(self, model: ServableModel) -> RunningEngine:
        """Loads a copy. Raises EngineError, IntegrityError, KeyUnavailableError, StorageError, UnavailableError."""
        ...
