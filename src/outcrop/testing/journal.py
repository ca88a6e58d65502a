"""The copy journal in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from outcrop.records import SealedPart, SealedSoFar, Upload


class FakeCopyJournal:
    """CopyJournal on a dictionary."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], SealedSoFar] = {}

    async def begin(self, upload: Upload, header: bytes) -> None:
        """Begins the record of a file."""
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

    async def forget(self, artifact_id: str) -> None:
        """Forgets all files of an artifact."""
        for place in [place for place in self.files if place[0] == artifact_id]:
            del self.files[place]
