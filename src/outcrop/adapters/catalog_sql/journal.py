"""CopyJournal on SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from outcrop.adapters.catalog_sql.database import Database
from outcrop.adapters.catalog_sql.jobs import under
from outcrop.adapters.catalog_sql.tables import copied_parts, copies, import_jobs
from outcrop.crash_points import CrashPoint, reached
from outcrop.errors import IllegalMoveError
from outcrop.records import Piece, SealedPart, SealedSoFar, Upload


class SqlCopyJournal:
    """What is in the vault of unfinished imports, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, upload: Upload, header: bytes, *, fence: int | None = None) -> None:
        """Begins the record of a file; an earlier one of the same file is forgotten. Raises IllegalMoveError."""

        def work(connection: sa.Connection) -> None:
            if fence is not None:
                _require_fence(connection, upload.artifact_id, fence)
            for table in (copied_parts, copies):
                connection.execute(
                    table.delete().where(table.c.artifact_id == upload.artifact_id, table.c.path == upload.path)
                )
            connection.execute(
                copies.insert().values(
                    artifact_id=upload.artifact_id,
                    path=upload.path,
                    upload_id=upload.id,
                    size_bytes=upload.size_bytes,
                    part_bytes=upload.part_bytes,
                    header=header,
                )
            )

        await self._database.transaction(work)
        reached(CrashPoint.COPY_BEGUN)

    async def add(self, upload: Upload, parts: Sequence[SealedPart]) -> None:
        """Adds parts; those of an upload that is no longer the file's are no matter."""
        if not parts:
            return

        def work(connection: sa.Connection) -> None:
            mine = (copied_parts.c.artifact_id == upload.artifact_id, copied_parts.c.path == upload.path)
            known = sa.select(copies.c.upload_id).where(
                copies.c.artifact_id == upload.artifact_id, copies.c.path == upload.path
            )
            if connection.execute(known.with_for_update()).scalar_one_or_none() != upload.id:
                return
            numbers = [part.number for part in parts]
            connection.execute(copied_parts.delete().where(*mine, copied_parts.c.number.in_(numbers)))
            connection.execute(copied_parts.insert(), [_row(upload, part) for part in parts])

        await self._database.transaction(work)
        reached(CrashPoint.PARTS_RECORDED)

    async def find(self, artifact_id: str) -> Mapping[str, SealedSoFar]:
        """Returns what is known of an artifact's files, by path."""

        def work(connection: sa.Connection) -> Mapping[str, SealedSoFar]:
            parts: dict[str, dict[int, SealedPart]] = {}
            for row in connection.execute(sa.select(copied_parts).where(copied_parts.c.artifact_id == artifact_id)):
                parts.setdefault(row.path, {})[row.number] = _part(row)
            return {
                row.path: SealedSoFar(
                    upload=Upload(
                        artifact_id=artifact_id,
                        path=row.path,
                        id=row.upload_id,
                        size_bytes=row.size_bytes,
                        part_bytes=row.part_bytes,
                    ),
                    header=row.header,
                    parts=parts.get(row.path, {}),
                )
                for row in connection.execute(sa.select(copies).where(copies.c.artifact_id == artifact_id))
            }

        return await self._database.read(work)

    async def sealed_bytes(self, artifact_id: str) -> int:
        """Returns how many sealed bytes of an artifact are known to be in the vault."""
        parts, number = copied_parts.c, copied_parts.c.number
        # All parts of a file are of one size but the last.
        last = (copies.c.size_bytes - 1) // copies.c.part_bytes
        size = sa.case((number == last, copies.c.size_bytes - number * copies.c.part_bytes), else_=copies.c.part_bytes)
        select = (
            sa.select(sa.func.coalesce(sa.func.sum(size), 0))
            .join_from(
                copied_parts, copies, sa.and_(copies.c.artifact_id == parts.artifact_id, copies.c.path == parts.path)
            )
            .where(parts.artifact_id == artifact_id)
        )
        return int(await self._database.read(lambda connection: connection.execute(select).scalar_one()))

    async def forget(self, artifact_id: str) -> None:
        """Forgets all files of an artifact."""

        def work(connection: sa.Connection) -> None:
            for table in (copied_parts, copies):
                connection.execute(table.delete().where(table.c.artifact_id == artifact_id))

        await self._database.transaction(work)
        reached(CrashPoint.COPIES_FORGOTTEN)


def _require_fence(connection: sa.Connection, job_id: str, fence: int) -> None:
    """Holds the job's row, so that nobody claims the job before this transaction is over. Raises IllegalMoveError."""
    held = sa.select(import_jobs.c.id).where(import_jobs.c.id == job_id, *under(fence)).with_for_update()
    if connection.execute(held).one_or_none() is None:
        raise IllegalMoveError(f"job {job_id} is another worker's by now")


def _row(upload: Upload, part: SealedPart) -> dict[str, object]:
    return {
        "artifact_id": upload.artifact_id,
        "path": upload.path,
        "number": part.number,
        "receipt": part.receipt,
        # As text: 64 bits without a sign are more than the integers of databases hold.
        "crc64nvme": f"{part.crc64nvme:016x}",
        "pieces": [[piece.size_bytes, piece.value] for piece in part.pieces],
    }


def _part(row: sa.Row[tuple[object, ...]]) -> SealedPart:
    return SealedPart(
        number=row.number,
        receipt=row.receipt,
        crc64nvme=int(row.crc64nvme, 16),
        pieces=tuple(Piece(size_bytes=size_bytes, value=value) for size_bytes, value in row.pieces),
    )
