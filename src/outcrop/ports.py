"""The ports: everything outside that Outcrop needs, as Protocols of at most six methods.

Adapters implement them, `app.py` joins them, `outcrop.testing.fakes` has a fake of each, and `tests/contract` holds one
suite for each that every implementation passes. All errors are those of `errors.py`; an adapter translates.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
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
    KeyCopy,
    ListQuery,
    Page,
    Quotas,
    SealedPart,
    SealedSoFar,
    ServableModel,
    SharedArtifact,
    SourceLocation,
    SourceObject,
    Stage,
    Tag,
    Upload,
    User,
)

Buffer = bytes | bytearray | memoryview
"""What holds bytes on its way: anything that gives its memory without a copy."""


WriteAt = Callable[[int, Buffer], None]
"""Writes at an offset in bytes; blocks. From any thread, several at once, never twice the same range."""


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


class ByteSink(Protocol):
    """Takes a stream of bytes into memory of its own. Used by one thread at a time."""

    def room(self) -> memoryview:
        """Returns memory for the next bytes, at least one."""
        ...

    def received(self, count: int) -> None:
        """Says that the first `count` bytes of the room that was given last are there."""
        ...


class ObjectStore(Protocol):
    """Where models come from: buckets of objects, read-only.

    Raises SourceMissingError, SourceDeniedError, SourceChangedError; UnavailableError for what may pass: throttling,
    resets, stalls, expired credentials.
    """

    def list(self, location: SourceLocation) -> AsyncIterator[SourceObject]:
        """Yields every object under the location, any number of pages, pinned by size and ETag."""
        ...

    async def pin(self, source: SourceObject) -> SourceObject:
        """Returns a listed object with what a listing does not tell: its version and stored checksum."""
        ...

    async def read(self, source: SourceObject, start: int, end: int) -> Buffer:
        """Returns exactly the bytes [start, end) of the pinned object."""
        ...

    async def stream(self, source: SourceObject, start: int, end: int, sink: ByteSink) -> None:
        """Reads [start, end) of the pinned object into the sink, in order, in one thread.

        After an error, what the sink received is good: the rest may be streamed from there. Also when it is cancelled,
        it ends only once the sink is no longer used.
        """
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
        """Opens a small staged file of a known sealed size, anew; leaving the context without error has synced it."""
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


class LocalReader(Protocol):
    """A sealed file of this machine, open for reading by several threads."""

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fills the target from an offset; blocks. Raises IntegrityError for less, and StorageError."""
        ...

    def close(self) -> None:
        """Ends the reading."""
        ...


class LocalReads(Protocol):
    """A vault whose files are files of this machine: threads read them into memory of their own."""

    def reader(self, artifact_id: str, path: str) -> LocalReader:
        """Opens a sealed file, staged or published; blocks. Raises IntegrityError if there is none, StorageError."""
        ...


class PartWriter(Protocol):
    """Writes one part of an upload, front to back."""

    def write(self, data: Buffer) -> None:
        """Writes what follows; blocks, for the thread that makes the bytes, and is done with `data` on return."""
        ...

    async def finish(self) -> str:
        """Ends the part once all of it was written; returns its receipt. May be called again after an error."""
        ...


class VaultStaging(Protocol):
    """How large files come into a vault: in parts, by several threads, so that a kill costs parts and not the file.

    Every vault is one. What is begun goes with its artifact when that is deleted. Raises what Vault raises.
    """

    async def begin(self, artifact_id: str, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begins a staged file anew; an earlier upload of the same file is given up."""
        ...

    async def is_open(self, upload: Upload) -> bool:
        """Says whether parts may be added: not once it is finished, or was given up or deleted."""
        ...

    def part(self, upload: Upload, number: int) -> AbstractContextManager[PartWriter]:
        """Opens a part for writing, anew; other parts may be written at the same time."""
        ...

    async def sync(self, upload: Upload) -> None:
        """Returns once the parts that were finished before are there after a power cut."""
        ...

    async def finish(self, upload: Upload, receipts: Sequence[str]) -> None:
        """Gives the file its name, durably. `receipts` are those of all parts, in order."""
        ...


class CopyJournal(Protocol):
    """The durable record of which parts of which files are in the vault. Nothing in it is secret."""

    async def begin(self, upload: Upload, header: bytes) -> None:
        """Begins the record of a file; an earlier one of the same file is forgotten."""
        ...

    async def add(self, upload: Upload, parts: Sequence[SealedPart]) -> None:
        """Adds parts; those of an upload that is no longer the file's are no matter."""
        ...

    async def find(self, artifact_id: str) -> Mapping[str, SealedSoFar]:
        """Returns what is known of an artifact's files, by path."""
        ...

    async def forget(self, artifact_id: str) -> None:
        """Forgets all files of an artifact."""
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

    async def publish(self, model: ImportedModel, *, content_sha256: str, allowed_from: frozenset[Stage]) -> None:
        """In one transaction: makes the model visible, its job Completed, and its artifact known by its content.

        Raises IllegalMoveError, also when the job has released its artifact.
        """
        ...

    async def get(self, tenant: Tenant, identifier: str) -> ImportedModel:
        """Returns a model by id or name. Raises NotFoundError."""
        ...

    async def find(self, tenant: Tenant, query: ListQuery) -> Page[ImportedModel]:
        """Returns a page of models."""
        ...

    async def delete(self, tenant: Tenant, model_id: str) -> bool:
        """Forgets a model and its wrapped key; True when nobody else holds its artifact. Raises NotFoundError."""
        ...


class ArtifactCatalog(Protocol):
    """Who holds which artifact, and by which wrapped key. Models and unended jobs hold artifacts.

    What nobody holds can be held by nobody again, so its bytes may go: each change that takes a holder away or adds
    one is a transaction on the artifact.
    """

    async def share(self, job_id: str, content_sha256: str) -> SharedArtifact | None:
        """Makes a job hold a published artifact of this content, of the job's own account, region and key.

        None: there is no such artifact, and the job holds none but its own. Asked again, it answers for the present.
        Raises IllegalMoveError when the job has ended.
        """
        ...

    async def release(self, job_id: str) -> Sequence[str]:
        """Takes a job's artifacts and wrapped key from it for good; returns the artifacts whose bytes may go.

        Raises IllegalMoveError when the job has ended: its artifact is its model's then.
        """
        ...

    async def held(self) -> frozenset[str]:
        """Lists, at one moment, every artifact that a model or an unended job of any account holds or may write."""
        ...

    async def copies(self, key_arn: str) -> Sequence[KeyCopy]:
        """Lists what a key has wrapped for models and unended jobs, unended jobs first."""
        ...

    async def rewrap(self, copy: KeyCopy, wrapped_key: bytes) -> bool:
        """Replaces the wrapped key of a model or an unended job, if it is still the one that `copy` has."""
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
