"""The copy journal in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from outcrop.errors import IllegalMoveError
from outcrop.records import SealedPart, SealedSoFar, Upload
from outcrop.testing.catalog import FakeCatalog


class FakeCopyJournal:
    """CopyJournal on a dictionary."""

    def __init__(self, catalog: FakeCatalog | None = None) -> None:
        """Begins empty; with a catalog, fences are those of its jobs."""
        self._catalog = catalog
        self.files: dict[tuple[str, str], SealedSoFar] = {}

    async def begin(self, upload: Upload, header: bytes, *, fence: int | None = None) -> None:
        """Begins the record of a file. Raises IllegalMoveError."""
        if self._catalog is not None and fence is not None:
            job = self._catalog.job_rows.get(upload.artifact_id)
            if job is None or job.fence != fence:
                raise IllegalMoveError(f"job {upload.artifact_id} is another worker's")
        self.files[upload.artifact_id, upload.path] = SealedSoFar(upload=upload, header=header, parts={})

    async def add(self, upload: Upload, parts: Sequence[SealedPart]) -> None:
        """Adds parts."""
        place = (upload.artifact_id, upload.path)
        known = self.files.get(place)
        if known is not None and known.upload == upload:
            self.files[place] = replace(known, parts={**known.parts, **{part.number: part for part in parts}})

    async def find(self, artifact_id: str) -> Mapping[str, SealedSoFar]:
        """Returns what is known of an artifact's files, by path."""
        return {path: known for (owner, path), known in self.files.items() if owner == artifact_id}

    async def sealed_bytes(self, artifact_id: str) -> int:
        """Returns how many sealed bytes of an artifact are known to be in the vault."""
        found = await self.find(artifact_id)
        return sum(known.upload.size_of(number) for known in found.values() for number in known.parts)

    async def forget(self, artifact_id: str) -> None:
        """Forgets all files of an artifact."""
        for place in [place for place in self.files if place[0] == artifact_id]:
            del self.files[place]
