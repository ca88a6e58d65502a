"""Models that were published, their artifacts and the keys to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from outcrop.arn import Arn, ResourceKind, Tenant
from outcrop.records.values import JsonObject, Tag


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

    @property
    def copy_bytes(self) -> int:
        """About how much memory a copy takes: the weights, and a tenth for the engine (decision 0029)."""
        return self.weight_bytes + self.weight_bytes // 10


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
    memory_bytes: int = 0
    """About how much memory a copy takes; 0: not known."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A fresh 256-bit key and the form of it that may be stored."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)
