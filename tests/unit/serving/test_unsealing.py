"""Opening an artifact: what is read is what was sealed, or nothing."""

import asyncio
import json
import threading
from dataclasses import replace

import pytest
from tests.samples import THREADS, sample_reading

from outcrop.artifact import envelope, keywrap
from outcrop.artifact.manifest import MANIFEST_PATH, Manifest, ManifestFile, associated_data, digest, file_path
from outcrop.errors import IntegrityError, KeyUnavailableError
from outcrop.records import ArtifactRef, ServableModel, SourceObject
from outcrop.serving.unsealing import OpenArtifact, open_artifact
from outcrop.testing.keys import SERVICE_KEY, FakeKeyService
from outcrop.testing.vault import FakeVault

pytestmark = pytest.mark.anyio

ARTIFACT = "abcdefghijkl"
ARN = "arn:aws:bedrock:us-east-1:000000000000:imported-model/abcdefghijkl"
DATA_KEY = bytes(range(32))


class Sealed:
    """An artifact with some files, and the model that points to it."""

    def __init__(self, *, is_local: bool) -> None:
        self.is_local = is_local
        self.vault = FakeVault()
        self.keys = FakeKeyService()

    async def put(self, path: str, data: bytes) -> None:
        """Stores a sealed file."""
        sealed = envelope.seal_bytes(
            data_key=DATA_KEY, associated_data=associated_data(ARTIFACT, path), plaintext=data, random_bytes=bytes(39)
        )
        async with self.vault.create(ARTIFACT, path, len(sealed)) as file:
            await file.write(0, sealed)

    async def model(self, files: dict[str, bytes]) -> ServableModel:
        """Seals files and their manifest."""
        entries = []
        for path, data in files.items():
            await self.put(file_path(path), data)
            source = SourceObject(bucket="b", key=path, size_bytes=len(data), etag='"e"')
            runs = tuple(digest(data[run.plain_begin : run.plain_end]) for run in envelope.runs(len(data), 1))
            entries.append(
                ManifestFile(
                    path=path,
                    size_bytes=len(data),
                    header=envelope.new_header(bytes(39)),
                    crc64nvme="",
                    run_segments=1,
                    run_sha256=runs,
                    source=source,
                )
            )
        manifest = Manifest(artifact_id=ARTIFACT, files=tuple(entries)).encode()
        await self.put(MANIFEST_PATH, manifest)
        made = await self.keys.generate_data_key(SERVICE_KEY, keywrap.encryption_context(ARN))
        wrapped = keywrap.wrap(
            data_key=DATA_KEY,
            wrapping_key=made.plaintext,
            wrapped_wrapping_key=made.wrapped,
            artifact_id=ARTIFACT,
            nonce=bytes(12),
        )
        ref = ArtifactRef(
            artifact_id=ARTIFACT, manifest_sha256=digest(manifest), key_arn=SERVICE_KEY, wrapped_key=wrapped
        )
        return ServableModel(arn=ARN, artifact=ref)

    async def open(self, model: ServableModel) -> OpenArtifact:
        """Opens the model's artifact."""
        return await open_artifact(model, sample_reading(self.vault, self.keys, is_local=self.is_local))


@pytest.fixture(params=["a folder of this machine", "elsewhere"])
def sealed(request: pytest.FixtureRequest) -> Sealed:
    """Nothing yet, in a vault of either kind."""
    return Sealed(is_local=request.param == "a folder of this machine")


async def test_files_are_read_as_they_were_sealed(sealed: Sealed) -> None:
    """Empty ones, small ones, and those of many segments."""
    files = {"a": b"", "b": b"rock", "c": bytes(range(256)) * 20_000}

    artifact = await sealed.open(await sealed.model(files))

    assert {path: await artifact.read(path) for path, _ in artifact.files} == files


async def test_a_rolled_back_manifest_is_noticed(sealed: Sealed) -> None:
    """A manifest that was sealed under the right key, but is not the model's, is refused."""
    older = await sealed.model({"a": b"old"})
    await sealed.model({"a": b"new"})

    with pytest.raises(IntegrityError, match="not the one"):
        await sealed.open(older)


async def test_swapped_files_are_noticed(sealed: Sealed) -> None:
    """A sealed file does not open in the place of another."""
    model = await sealed.model({"a": b"one", "b": b"two"})
    files = sealed.vault.staged[ARTIFACT]
    files["files/a"], files["files/b"] = files["files/b"], files["files/a"]

    with pytest.raises(IntegrityError):
        await (await sealed.open(model)).read("a")


async def test_anothers_wrapped_key_does_not_open(sealed: Sealed) -> None:
    """The wrapped key opens in the name of its own model only."""
    model = await sealed.model({"a": b"one"})

    with pytest.raises(KeyUnavailableError):
        await sealed.open(replace(model, arn=ARN[:-1] + "x"))


async def test_a_template_in_json_is_given_as_the_file_that_engines_read(sealed: Sealed) -> None:
    """AWS reads chat_template.json (SPEC 4.2.6); the tokenizers of transformers do not."""
    in_json = json.dumps({"chat_template": "{{ messages }} °"}).encode()

    alone = await sealed.open(await sealed.model({"chat_template.json": in_json}))
    both = await sealed.open(await sealed.model({"chat_template.json": in_json, "chat_template.jinja": b"wins"}))

    assert (await alone.read("chat_template.jinja")).decode() == "{{ messages }} °"
    assert await both.read("chat_template.jinja") == b"wins"


async def test_an_older_file_of_the_same_name_is_noticed(sealed: Sealed) -> None:
    """What was sealed for this very place at another time does not stand in for what the manifest lists."""
    model = await sealed.model({"a": b"one"})
    older = envelope.seal_bytes(
        data_key=DATA_KEY,
        associated_data=associated_data(ARTIFACT, file_path("a")),
        plaintext=b"old",
        random_bytes=bytes(38) + b"x",
    )
    sealed.vault.staged[ARTIFACT]["files/a"] = bytearray(older)

    with pytest.raises(IntegrityError, match="not the file that the manifest lists"):
        await (await sealed.open(model)).read("a")


async def test_a_changed_segment_is_not_written(sealed: Sealed) -> None:
    """What is not authentic goes nowhere; what came before it in the same run was authentic."""
    model = await sealed.model({"a": bytes(3 << 20)})
    sealed.vault.staged[ARTIFACT]["files/a"][(2 << 20) + 5] ^= 1
    artifact, written = await sealed.open(model), []

    with pytest.raises(IntegrityError, match="segment 2"):
        await artifact.unseal("a", lambda offset, piece: written.append((offset, len(piece))))

    assert sorted(written)[:2] == [
        (0, envelope.plain_start(1)),
        (envelope.plain_start(1), envelope.SEGMENT_PLAIN_BYTES),
    ]
    assert all(offset != envelope.plain_start(2) for offset, _ in written)


async def test_a_file_that_was_cut_is_noticed(sealed: Sealed) -> None:
    """At its end, or in its middle."""
    model = await sealed.model({"a": bytes(3 << 20)})
    del sealed.vault.staged[ARTIFACT]["files/a"][-1:]

    with pytest.raises(IntegrityError):
        await (await sealed.open(model)).read("a")


async def test_nobody_writes_after_a_load_was_given_up(sealed: Sealed) -> None:
    """The files that it writes into are closed then, and their numbers given to other files."""
    model = await sealed.model({"a": bytes(20 << 20)})
    artifact = await sealed.open(model)
    began, may_go, written = threading.Event(), threading.Event(), []

    def write(offset: int, _: object) -> None:
        began.set()
        may_go.wait(10)
        written.append(offset)

    load = asyncio.create_task(artifact.unseal("a", write))
    await asyncio.to_thread(began.wait, 10)
    load.cancel()
    await asyncio.sleep(0)
    assert not load.done()
    may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await load

    count = len(written)
    await asyncio.to_thread(lambda: [thread.submit(int).result() for thread in [THREADS] * 4])
    assert len(written) == count
