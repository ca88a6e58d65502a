"""Opens an artifact for reading: its key, its manifest, and its files from any place."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.artifact import envelope, keywrap
from outcrop.artifact.engine_files import TEMPLATE_FILE, TEMPLATE_JSON, lacks_template_file, template_file
from outcrop.artifact.manifest import MANIFEST_PATH, Manifest, ManifestFile, associated_data, file_path
from outcrop.errors import IntegrityError
from outcrop.ports import KeyService, Vault
from outcrop.records import ServableModel
from outcrop.tasks import Tasks

PARALLEL_RUNS = 8


@dataclass(frozen=True, slots=True)
class OpenArtifact:
    """An artifact whose manifest was authenticated, and the key to its files. Lives in memory only."""

    manifest: Manifest
    _vault: Vault
    _data_key: bytes = field(repr=False)
    _added: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the model does not have, and an engine needs."""

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Path and plaintext size in bytes of each file that an engine is to see."""
        own = [(file.path, file.size_bytes) for file in self.manifest.files]
        return own + [(path, len(data)) for path, data in self._added.items()]

    async def read_into(self, path: str, target: memoryview) -> None:
        """Unseals a whole file into `target`, in parallel. Raises IntegrityError, StorageError, UnavailableError."""
        if path in self._added:
            target[:] = self._added[path]
            return
        file = self._file(path)
        sealed = await self.open_file(file)
        places = asyncio.Semaphore(PARALLEL_RUNS)

        async def unseal(run: envelope.Run) -> None:
            async with places:
                await self._unseal(file, sealed, run, target[run.plain_begin : run.plain_end])

        async with Tasks() as tasks:
            for run in envelope.runs(file.size_bytes, file.run_segments):
                tasks.create_task(unseal(run))

    async def read_run(self, file: ManifestFile, run: envelope.Run, sealed: envelope.SealedFile) -> bytearray:
        """Returns the plaintext of one run; `sealed` comes from `open_file`."""
        plaintext = bytearray(run.plain_bytes)
        await self._unseal(file, sealed, run, memoryview(plaintext))
        return plaintext

    async def open_file(self, file: ManifestFile) -> envelope.SealedFile:
        """Reads a file's header and derives its key."""
        artifact_id, stored = self.manifest.artifact_id, file_path(file.path)
        header = await self._vault.read(artifact_id, stored, 0, envelope.HEADER_BYTES)
        if bytes(header) != file.header:
            raise IntegrityError(f"{file.path} in the vault is not the file that the manifest lists")
        return envelope.SealedFile(
            data_key=self._data_key,
            associated_data=associated_data(artifact_id, stored),
            plain_bytes=file.size_bytes,
            header=bytes(header),
        )

    def _file(self, path: str) -> ManifestFile:
        found = next((file for file in self.manifest.files if file.path == path), None)
        if found is None:
            raise IntegrityError(f"artifact {self.manifest.artifact_id} has no file {path}")
        return found

    async def _unseal(
        self, file: ManifestFile, sealed: envelope.SealedFile, run: envelope.Run, target: memoryview
    ) -> None:
        data = await self._vault.read(
            self.manifest.artifact_id, file_path(file.path), run.sealed_begin, run.sealed_begin + run.sealed_bytes
        )
        await asyncio.to_thread(sealed.open, run, data, target)


async def open_artifact(model: ServableModel, *, vault: Vault, keys: KeyService) -> OpenArtifact:
    """Unwraps a model's key, and opens and authenticates the manifest of its artifact.

    Raises:
        KeyUnavailableError: the key service does not give the key.
        IntegrityError: what the vault holds is not what the model was published with.
    """
    ref = model.artifact
    wrapping_key = await keys.unwrap(
        ref.key_arn, keywrap.wrapped_wrapping_key(ref.wrapped_key), keywrap.encryption_context(model.arn)
    )
    data_key = keywrap.unwrap(wrapped=ref.wrapped_key, wrapping_key=wrapping_key, artifact_id=ref.artifact_id)
    size = await vault.size(ref.artifact_id, MANIFEST_PATH)
    sealed = await vault.read(ref.artifact_id, MANIFEST_PATH, 0, size)
    data = envelope.open_bytes(
        data_key=data_key,
        associated_data=associated_data(ref.artifact_id, MANIFEST_PATH),
        sealed=bytes(sealed),
    )
    manifest = Manifest.decode(data, sha256=ref.manifest_sha256)
    artifact = OpenArtifact(manifest, vault, data_key)
    return OpenArtifact(manifest, vault, data_key, await _added_files(artifact))


async def _added_files(artifact: OpenArtifact) -> Mapping[str, bytes]:
    sizes = dict(artifact.files)
    if not lacks_template_file(sizes):
        return {}
    template_json = bytearray(sizes[TEMPLATE_JSON])
    await artifact.read_into(TEMPLATE_JSON, memoryview(template_json))
    template = template_file(bytes(template_json))
    return {} if template is None else {TEMPLATE_FILE: template}
