"""Frozen values that cross ports: what the layers tell each other. No behaviour beyond derived facts."""

from outcrop.records.callers import AccessKey, ApiKey, Caller, Principal, User
from outcrop.records.deliveries import Delivery, DeliveryState
from outcrop.records.jobs import (
    NO_QUOTAS,
    ImportJob,
    ImportRequest,
    JobNote,
    Mark,
    Network,
    Progress,
    Quotas,
    Stage,
    StageEntry,
)
from outcrop.records.lists import Item, ListQuery, Page
from outcrop.records.models import (
    ArtifactRef,
    DataKey,
    ImportedModel,
    KeyCopy,
    ModelFacts,
    ServableModel,
    SharedArtifact,
)
from outcrop.records.sealing import Piece, SealedPart, SealedSoFar, Upload
from outcrop.records.source import Checksum, ChecksumType, SourceLocation, SourceObject
from outcrop.records.values import JsonObject, JsonValue, Tag

__all__ = [
    "NO_QUOTAS",
    "AccessKey",
    "ApiKey",
    "ArtifactRef",
    "Caller",
    "Checksum",
    "ChecksumType",
    "DataKey",
    "Delivery",
    "DeliveryState",
    "ImportJob",
    "ImportRequest",
    "ImportedModel",
    "Item",
    "JobNote",
    "JsonObject",
    "JsonValue",
    "KeyCopy",
    "ListQuery",
    "Mark",
    "ModelFacts",
    "Network",
    "Page",
    "Piece",
    "Principal",
    "Progress",
    "Quotas",
    "SealedPart",
    "SealedSoFar",
    "ServableModel",
    "SharedArtifact",
    "SourceLocation",
    "SourceObject",
    "Stage",
    "StageEntry",
    "Tag",
    "Upload",
    "User",
]
