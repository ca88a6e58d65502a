"""Frozen values that cross ports: what the layers tell each other. No behaviour beyond derived facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from outcrop.arn import Arn, ResourceKind, Tenant

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

Item = TypeVar("Item")

_MILLISECOND = timedelta(milliseconds=1)
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


# --- who calls ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who may sign requests."""

    arn: str
    account: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A principal at work: who asks, in which region, from where, under which request id."""

    principal_arn: str
    tenant: Tenant
    request_id: str
    source_ip: str
    access_key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """What a user signs requests with."""

    id: str
    secret: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A long-term Bedrock API key as far as it is kept: who has the key itself is known by its digest."""

    id: str
    sha256: str
    """Digest of the whole key, hexadecimal."""
    created_at: datetime
    expires_at: datetime | None = None
    """None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody beside the root principal who may call: what IAM knows of a user, in one piece."""

    account: str
    name: str
    created_at: datetime
    policy: str | None = None
    """The identity-based policy, as it was written; None allows nothing."""
    access_keys: tuple[AccessKey, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account}:user/{self.name}"


# --- the source of an import --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLocation:
    """An `s3://bucket/prefix/`; the prefix is empty (the bucket's root) or ends with a slash."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, uri: str) -> SourceLocation:
        """Reads an S3 URI; a missing trailing slash makes no difference (SPEC 2.0.4)."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return cls(bucket=bucket, prefix=prefix.rstrip("/") + "/" if prefix.strip("/") else "")

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


class ChecksumType(StrEnum):
    """What a stored checksum is of; the names are S3's."""

    FULL_OBJECT = "FULL_OBJECT"
    """Of the object's bytes."""
    COMPOSITE = "COMPOSITE"
    """Of the checksums of the parts that it was uploaded in, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """A checksum that the store keeps of an object (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html)."""

    algorithm: str
    """`CRC64NVME`, `CRC32`, `CRC32C`, `SHA256`, `SHA1` or a newer one, as S3 names them."""
    value: str
    """Base64, without the `-N` that a composite one ends with on the wire."""
    type: ChecksumType
    part_bytes: tuple[int, ...] = ()
    """Composite only: the size of each part; empty when the store does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObject:
    """One object of the source, pinned: every later read asks for these very bytes."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    version_id: str | None = None
    checksum: Checksum | None = None
    """What the store says of the bytes; None before `ObjectStore.pin`, and where the store keeps none."""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


# --- writing an artifact --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A large sealed file that is being written into a vault, part by part."""

    artifact_id: str
    path: str
    id: str
    """The vault's own name for it."""
    size_bytes: int
    """Size of the whole sealed file."""
    part_bytes: int
    """Size of every part but the last."""

    @property
    def part_count(self) -> int:
        """How many parts the file has; an empty one has one, empty."""
        return max(1, -(-self.size_bytes // self.part_bytes))

    def size_of(self, number: int) -> int:
        """Returns the size of a part, in bytes."""
        return min(self.part_bytes, self.size_bytes - number * self.part_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A checksum of consecutive bytes of an object."""

    size_bytes: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """A part of an upload that is in the vault."""

    number: int
    """From 0."""
    receipt: str
    """What the vault wants to hear of the part when the file is finished."""
    crc64nvme: int
    """Of the part's plaintext."""
    pieces: tuple[Piece, ...] = ()
    """Of the part's plaintext, in the algorithm of the source's checksum, cut where the source's parts end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSoFar:
    """What is known to be in the vault of a file whose copy may have been interrupted."""

    upload: Upload
    header: bytes
    """The header of the sealed file, which holds what its key is derived from."""
    parts: Mapping[int, SealedPart]
    """By number."""


# --- jobs ---------------------------------------------------------------------------------------------------------


class Stage(StrEnum):
    """Where an import job stands; `outcrop.imports.job` holds the legal moves and the public status of each."""

    QUEUED = "Queued"
    PLAN = "Plan"
    CHECK = "Check"
    COPY = "Copy"
    VERIFY = "Verify"
    PROVE = "Prove"
    PUBLISH = "Publish"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag of a job or a model."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The subnets and security groups that `vpcConfig` names."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What the caller of CreateModelImportJob asked for; never changes afterwards."""

    job_name: str
    imported_model_name: str
    role_arn: str
    source_uri: str
    client_request_token: str | None = None
    kms_key_id: str | None = None
    network: Network | None = None
    job_tags: tuple[Tag, ...] = ()
    model_tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """When a job came to a stage for the first time, UTC."""

    stage: Stage
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the current stage is. Bytes are those of the source; both are 0 where a stage moves none."""

    bytes_done: int = 0
    bytes_total: int = 0
    entries: tuple[StageEntry, ...]
    """Every stage that the job came to, the present one last."""

    @property
    def stage_started_at(self) -> datetime:
        """When the job entered its stage, UTC."""
        return self.entries[-1].at

    def entered(self, stage: Stage, at: datetime) -> Progress:
        """Returns the progress after a move; a stage that is entered again goes on where it was."""
        if stage is self.entries[-1].stage:
            return self
        return Progress(bytes_total=self.bytes_total, entries=(*self.entries, StageEntry(stage=stage, at=at)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """An import job as the catalog knows it."""

    id: str
    tenant: Tenant
    request: ImportRequest
    model_id: str
    """The id that the model will carry; chosen at creation, so that keys can name the model before it exists."""
    key_arn: str
    """The key that wraps the model's data key; resolved at creation."""
    stage: Stage
    created_at: datetime
    modified_at: datetime
    ended_at: datetime | None = None
    failure_message: str | None = None
    progress: Progress
    report: JsonObject | None = None
    """What the checks found, in the documented JSON form; None before the check stage."""
    wrapped_key: bytes | None = field(default=None, repr=False)
    """The model's wrapped copy of the data key while the import runs; handed to the model at the end."""
    shared_artifact_id: str | None = None
    """The artifact of an earlier import, where this one found its content stored already."""

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return str(Arn(tenant=self.tenant, kind=ResourceKind.JOB, id=self.id))

    @property
    def model_arn(self) -> str:
        """The ARN that the model has, or will have."""
        return str(Arn(tenant=self.tenant, kind=ResourceKind.MODEL, id=self.model_id))

    @property
    def artifact_id(self) -> str:
        """The artifact that the model will point to: one that is shared, or one of the job's own.

        The latter has the job's id, so that a restart finds what was begun.
        """
        return self.shared_artifact_id or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNote:
    """What a running job tells of itself; None leaves what is known. `bytes_done` never goes down within a stage."""

    bytes_done: int | None = None
    bytes_total: int | None = None
    report: JsonObject | None = None
    wrapped_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How much an account may have in one region (SPEC 8.1, 8.2); None is without limit."""

    concurrent_jobs: int | None = None
    """Import jobs that have not ended."""
    models: int | None = None
    """Imported models, and those that unended jobs will make."""


NO_QUOTAS = Quotas()


# --- models -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRef:
    """How a model reaches its bytes: which artifact, which content, and its own wrapped copy of the data key."""

    artifact_id: str
    manifest_sha256: str
    """Digest of the manifest, hexadecimal: the identity of the artifact's content."""
    key_arn: str
    wrapped_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the checks learnt of a model that its users see."""

    architecture: str
    """`modelArchitecture` on the wire, such as `llama`."""
    is_instruct: bool
    """Whether Converse works: the model carries a usable chat template."""
    parameters: int
    weight_bytes: int
    context_length: int
    custom_model_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model that has been published."""

    id: str
    tenant: Tenant
    name: str
    job_id: str
    job_name: str
    source_uri: str
    created_at: datetime
    facts: ModelFacts
    artifact: ArtifactRef
    is_customer_key: bool
    """Whether the caller named the key; otherwise it is the service's own, which AWS does not show either."""
    evidence: JsonObject
    """What the prove stage saw: engine, prompt, tokens, seconds."""
    tags: tuple[Tag, ...] = ()

    @property
    def arn(self) -> str:
        """The model's ARN."""
        return str(Arn(tenant=self.tenant, kind=ResourceKind.MODEL, id=self.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServableModel:
    """What a copy host needs to run a copy of a model, published or about to be."""

    arn: str
    artifact: ArtifactRef
    is_kept_warm: bool = False
    """Whether a copy stays loaded though nobody asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCopy:
    """A wrapped copy of an artifact's data key, which opens in the name of one model."""

    model_arn: str
    artifact_id: str
    key_arn: str
    wrapped_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedArtifact:
    """A published artifact that a job may point its model to, and a copy of the data key that opens it."""

    manifest_sha256: str
    opener: KeyCopy


# --- lists --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Filters, order and position of a list call; every list is ordered by creation time, then id."""

    limit: int
    name_contains: str | None = None
    created_after: datetime | None = None
    """Neither bound is in the list itself (docs/decisions/0020)."""
    created_before: datetime | None = None
    is_ascending: bool = False
    stages: frozenset[Stage] | None = None
    """Jobs only: the stages that belong to the wanted status; None for all."""
    after: tuple[datetime, str] | None = None
    """Creation time and id of the last item of the page before."""

    @property
    def created_from(self) -> datetime | None:
        """The first moment of creation after `created_after`, as times are shown: in milliseconds."""
        if self.created_after is None:
            return None
        shown = _shown(self.created_after)
        return shown + _MILLISECOND if shown < _shown(_LAST_MOMENT) else _LAST_MOMENT

    @property
    def created_until(self) -> datetime | None:
        """The first moment of creation that is not before `created_before`, as times are shown."""
        if self.created_before is None:
            return None
        shown = _shown(self.created_before)
        is_whole = shown == self.created_before or shown == _shown(_LAST_MOMENT)
        return shown if is_whole else shown + _MILLISECOND


def _shown(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list; `has_more` says that another follows."""

    items: tuple[Item, ...]
    has_more: bool


# --- keys ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A fresh 256-bit key and the form of it that may be stored."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)
