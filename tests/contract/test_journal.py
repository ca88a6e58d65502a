"""What every CopyJournal does: the fake, and SQL on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from outcrop.adapters.catalog_sql import Database, SqlCopyJournal
from outcrop.ports import CopyJournal
from outcrop.records import Piece, SealedPart, SealedSoFar, Upload
from outcrop.testing.journal import FakeCopyJournal

pytestmark = pytest.mark.anyio

UPLOAD = Upload(artifact_id="abcdefghijkl", path="files/a", id="u1", size_bytes=1 << 40, part_bytes=16 << 20)
HEADER = bytes(range(40))
PARTS = [
    SealedPart(number=0, receipt='"etag"', crc64nvme=(1 << 64) - 1),
    SealedPart(number=7, receipt="", crc64nvme=0, pieces=(Piece(size_bytes=5, value=(1 << 64) - 1),)),
]


@pytest.fixture(params=["fake", "sqlite", "postgres"])
def journal(request: pytest.FixtureRequest) -> Iterator[CopyJournal]:
    """An empty journal."""
    if request.param == "fake":
        yield FakeCopyJournal()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    database.migrate()
    yield SqlCopyJournal(database)
    database.close()


async def test_what_was_added_is_found(journal: CopyJournal) -> None:
    """Every member comes back as it was."""
    await journal.begin(UPLOAD, HEADER)
    await journal.add(UPLOAD, PARTS[:1])
    await journal.add(UPLOAD, [])
    await journal.add(UPLOAD, PARTS[1:])

    assert await journal.find("abcdefghijkl") == {
        "files/a": SealedSoFar(upload=UPLOAD, header=HEADER, parts={0: PARTS[0], 7: PARTS[1]})
    }
    assert await journal.find("otherartifac") == {}


async def test_a_part_that_was_written_again_counts(journal: CopyJournal) -> None:
    """The later record of a part is the one that holds."""
    await journal.begin(UPLOAD, HEADER)
    await journal.add(UPLOAD, PARTS)
    again = replace(PARTS[0], receipt='"other"')

    await journal.add(UPLOAD, [again])

    assert (await journal.find("abcdefghijkl"))["files/a"].parts == {0: again, 7: PARTS[1]}


async def test_beginning_anew_forgets_the_earlier_parts(journal: CopyJournal) -> None:
    """Nor does a late record of the earlier upload come back."""
    await journal.begin(UPLOAD, HEADER)
    await journal.add(UPLOAD, PARTS)
    anew = replace(UPLOAD, id="u2")

    await journal.begin(anew, HEADER[::-1])
    await journal.add(UPLOAD, PARTS)

    assert await journal.find("abcdefghijkl") == {"files/a": SealedSoFar(upload=anew, header=HEADER[::-1], parts={})}


async def test_forgetting_an_artifact_leaves_the_others(journal: CopyJournal) -> None:
    """And may be done twice."""
    other = replace(UPLOAD, artifact_id="otherartifac")
    for upload in (UPLOAD, other):
        await journal.begin(upload, HEADER)
        await journal.add(upload, PARTS)

    await journal.forget("abcdefghijkl")
    await journal.forget("abcdefghijkl")

    assert await journal.find("abcdefghijkl") == {}
    assert set((await journal.find("otherartifac"))["files/a"].parts) == {0, 7}


async def test_the_bytes_that_are_there_are_counted(journal: CopyJournal) -> None:
    """Of all files of an artifact; the last part of a file is smaller than the others."""
    small = replace(UPLOAD, path="files/b", size_bytes=(16 << 20) + 5)
    await journal.begin(UPLOAD, HEADER)
    await journal.begin(small, HEADER)
    assert await journal.sealed_bytes("abcdefghijkl") == 0

    await journal.add(UPLOAD, PARTS)
    await journal.add(small, [replace(PARTS[0], number=1)])

    assert await journal.sealed_bytes("abcdefghijkl") == (32 << 20) + 5
    assert await journal.sealed_bytes("otherartifac") == 0
