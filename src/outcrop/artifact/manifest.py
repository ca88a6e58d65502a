"""The manifest of an artifact: which files it holds, their sizes and digests, and where they came from. Pure.

The manifest is sealed like the files that it lists, under the same data key, so nobody without the key can make one.
Its digest is kept with each model and is the artifact's identity: files that were swapped, cut or rolled back to an
older import do not match it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.errors import IntegrityError
from outcrop.records import Checksum, ChecksumType, JsonObject, SourceObject

FORMAT_VERSION = 2
MANIFEST_PATH = "manifest"
"""Where the sealed manifest lies within the artifact; files lie under `files/`, so no model file can take its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFile:
    """What the copy stage knows of a file."""

    path: str
    """Path within the model, such as `model.safetensors`."""
    size_bytes: int
    header: bytes
    """The header of the sealed file: an older copy under the same name, which has another, cannot stand in for it."""
    crc64nvme: str
    """CRC64NVME of the plaintext, as S3 writes it."""
    source: SourceObject
    """The object that was read, as it was pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file of the model."""

    path: str
    size_bytes: int
    header: bytes
    crc64nvme: str
    run_segments: int
    """How many segments each digest covers."""
    run_sha256: tuple[str, ...]
    """SHA-256 of the plaintext of each run, hexadecimal, in order."""
    source: SourceObject
    """The object that was read, as it was pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The files of an artifact, ordered by path."""

    artifact_id: str
    files: tuple[ManifestFile, ...]

    def encode(self) -> bytes:
        """Returns the canonical bytes: the same manifest always gives the same digest."""
        return json.dumps(
            {
                "format": FORMAT_VERSION,
                "artifact_id": self.artifact_id,
                "files": [file_to_json(file) for file in sorted(self.files, key=lambda file: file.path)],
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()

    @classmethod
    def decode(cls, data: bytes, *, sha256: str) -> Manifest:
        """Reads a manifest and holds it against the digest that is known of it. Raises IntegrityError."""
        if digest(data) != sha256:
            raise IntegrityError("the artifact's manifest is not the one that the model was published with")
        document = json.loads(data)
        if document["format"] != FORMAT_VERSION:
            raise IntegrityError(f"the artifact has format {document['format']}; this version reads {FORMAT_VERSION}")
        return cls(
            artifact_id=document["artifact_id"],
            files=tuple(file_from_json(entry) for entry in document["files"]),
        )


def digest(data: bytes) -> str:
    """Returns a SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_to_json(file: ManifestFile) -> JsonObject:
    """Returns a file's entry; also the form in which a verified file is recorded with its job."""
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "header": file.header.hex(),
        "crc64nvme": file.crc64nvme,
        "run_segments": file.run_segments,
        "run_sha256": list(file.run_sha256),
        "source": source_to_json(file.source),
    }


def file_from_json(entry: Mapping[str, object]) -> ManifestFile:
    """Reads what `file_to_json` wrote."""
    source, digests = entry["source"], entry["run_sha256"]
    if not isinstance(source, Mapping) or not isinstance(digests, list):
        raise IntegrityError("an entry of the artifact's manifest is malformed")
    return ManifestFile(
        path=str(entry["path"]),
        size_bytes=int(str(entry["size_bytes"])),
        header=bytes.fromhex(str(entry["header"])),
        crc64nvme=str(entry["crc64nvme"]),
        run_segments=int(str(entry["run_segments"])),
        run_sha256=tuple(str(item) for item in digests),
        source=source_from_json(source),
    )


def copied_to_json(file: CopiedFile) -> JsonObject:
    """Returns the form in which a finished copy is recorded with its job."""
    return {
        "path": file.path,
        "size_bytes": file.size_bytes,
        "header": file.header.hex(),
        "crc64nvme": file.crc64nvme,
        "source": source_to_json(file.source),
    }


def copied_from_json(entry: Mapping[str, Any]) -> CopiedFile:
    """Reads what `copied_to_json` wrote."""
    return CopiedFile(
        path=entry["path"],
        size_bytes=entry["size_bytes"],
        header=bytes.fromhex(entry["header"]),
        crc64nvme=entry["crc64nvme"],
        source=source_from_json(entry["source"]),
    )


def source_to_json(source: SourceObject) -> JsonObject:
    """Returns the pin of a source object."""
    return {
        "bucket": source.bucket,
        "key": source.key,
        "size_bytes": source.size_bytes,
        "etag": source.etag,
        "version_id": source.version_id,
        "checksum": None if source.checksum is None else _checksum_to_json(source.checksum),
    }


def source_from_json(entry: Mapping[str, object]) -> SourceObject:
    """Reads what `source_to_json` wrote."""
    version_id, checksum = entry["version_id"], entry["checksum"]
    return SourceObject(
        bucket=str(entry["bucket"]),
        key=str(entry["key"]),
        size_bytes=int(str(entry["size_bytes"])),
        etag=str(entry["etag"]),
        version_id=None if version_id is None else str(version_id),
        checksum=_checksum_from_json(checksum) if isinstance(checksum, Mapping) else None,
    )


def file_path(path: str) -> str:
    """Returns where a model's file lies within its artifact."""
    return f"files/{path}"


def associated_data(artifact_id: str, path: str) -> bytes:
    """Returns what a sealed file is bound to: its artifact and its path within it."""
    return f"outcrop artifact {artifact_id}\n{path}".encode()


def _checksum_to_json(checksum: Checksum) -> JsonObject:
    return {
        "algorithm": checksum.algorithm,
        "value": checksum.value,
        "type": checksum.type.value,
        "part_bytes": list(checksum.part_bytes),
    }


def _checksum_from_json(entry: Mapping[str, object]) -> Checksum:
    part_bytes = entry["part_bytes"]
    return Checksum(
        algorithm=str(entry["algorithm"]),
        value=str(entry["value"]),
        type=ChecksumType(str(entry["type"])),
        part_bytes=tuple(int(str(size)) for size in part_bytes) if isinstance(part_bytes, list) else (),
    )
