"""The sealed format, held against Tink's own library and against a golden file."""

import io
import json
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.artifact import envelope
from outcrop.errors import IntegrityError

KEY = bytes(range(32))
AAD = b"outcrop artifact abcdefghijkl\nfiles/model.safetensors"
RANDOM = bytes(range(100, 139))


def seal(plaintext: bytes, *, segments_each: int = 3) -> bytes:
    """Seals a file run by run, last run first, as parallel copiers may."""
    file = envelope.SealedFile(
        data_key=KEY, associated_data=AAD, plain_bytes=len(plaintext), header=envelope.new_header(RANDOM)
    )
    out = bytearray(envelope.sealed_size(len(plaintext)))
    out[: envelope.HEADER_BYTES] = file.header
    for run in reversed(envelope.runs(len(plaintext), segments_each)):
        target = memoryview(out)[run.sealed_begin : run.sealed_begin + run.sealed_bytes]
        file.seal(run, plaintext[run.plain_begin : run.plain_end], target)
    return bytes(out)


def tink_primitive():  # noqa: ANN201  # tink ships no types
    """Tink's streaming AEAD for the same key, as its JSON keyset."""
    import base64

    from tink import json_proto_keyset_format, secret_key_access, streaming_aead
    from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2

    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(key_value=KEY)
    key.params.ciphertext_segment_size = envelope.SEGMENT_BYTES
    key.params.derived_key_size = 32
    key.params.hkdf_hash_type = common_pb2.SHA256
    keyset = {
        "primaryKeyId": 1,
        "key": [
            {
                "keyData": {
                    "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
                    "value": base64.b64encode(key.SerializeToString()).decode(),
                    "keyMaterialType": "SYMMETRIC",
                },
                "status": "ENABLED",
                "keyId": 1,
                "outputPrefixType": "RAW",
            }
        ],
    }
    handle = json_proto_keyset_format.parse(json.dumps(keyset), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


SIZES = [
    0,
    1,
    envelope.FIRST_SEGMENT_PLAIN_BYTES - 1,
    envelope.FIRST_SEGMENT_PLAIN_BYTES,
    envelope.FIRST_SEGMENT_PLAIN_BYTES + 1,
    envelope.FIRST_SEGMENT_PLAIN_BYTES + envelope.SEGMENT_PLAIN_BYTES,
    envelope.FIRST_SEGMENT_PLAIN_BYTES + envelope.SEGMENT_PLAIN_BYTES + 1,
    5_000_000,
]


@pytest.mark.parametrize("size", SIZES)
def test_tink_reads_what_was_sealed(size: int) -> None:
    """Any size, and any order of sealing, gives a file that Tink opens."""
    plaintext = random.Random(size).randbytes(size)

    sealed = seal(plaintext)

    assert len(sealed) == envelope.sealed_size(size)
    with tink_primitive().new_decrypting_stream(io.BytesIO(sealed), AAD) as stream:
        assert stream.read() == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_what_tink_sealed_is_opened(size: int) -> None:
    """A file that Tink wrote opens here."""
    plaintext = random.Random(size).randbytes(size)
    kept = io.BytesIO()
    kept.close = lambda: None  # type: ignore[method-assign]  # Tink closes its target; the bytes are wanted after
    with tink_primitive().new_encrypting_stream(kept, AAD) as stream:
        stream.write(plaintext)

    opened = envelope.open_bytes(data_key=KEY, associated_data=AAD, sealed=kept.getvalue())

    assert opened == plaintext


def test_golden_bytes() -> None:
    """The format on the disk never changes by accident."""
    sealed = envelope.seal_bytes(data_key=KEY, associated_data=AAD, plaintext=b"rock", random_bytes=RANDOM)

    assert sealed.hex() == (
        "28"  # header length, 40
        "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"  # salt
        "8485868788898a"  # nonce prefix
        "ebee0ede"  # "rock", sealed as segment 0 with the last flag
        "812f83bfaec1a0411e40fe5b8bbddf14"  # tag
    )


def test_random_access_opens_one_run() -> None:
    """A run in the middle opens without the bytes before it."""
    plaintext = random.Random(7).randbytes(4_000_000)
    sealed = seal(plaintext)
    file = envelope.SealedFile(data_key=KEY, associated_data=AAD, plain_bytes=len(plaintext), header=sealed[:40])
    run = envelope.runs(len(plaintext), 1)[2]
    out = bytearray(run.plain_bytes)

    file.open(run, sealed[run.sealed_begin : run.sealed_begin + run.sealed_bytes], out)

    assert bytes(out) == plaintext[run.plain_begin : run.plain_end]


@given(position=st.integers(0, envelope.sealed_size(2_000_000) - 1), flip=st.integers(1, 255))
@settings(max_examples=25, deadline=None)
def test_any_changed_byte_is_noticed(position: int, flip: int) -> None:
    """No byte of a sealed file, header included, can change unnoticed."""
    sealed = bytearray(seal(bytes(2_000_000)))
    sealed[position] ^= flip

    with pytest.raises(IntegrityError):
        envelope.open_bytes(data_key=KEY, associated_data=AAD, sealed=bytes(sealed))


@pytest.mark.parametrize("keep", [envelope.SEGMENT_BYTES, envelope.SEGMENT_BYTES * 2, 50, 40, 0])
def test_a_cut_file_is_noticed(keep: int) -> None:
    """A file that ends early fails, also when it ends between two segments."""
    sealed = seal(bytes(3_000_000))

    with pytest.raises(IntegrityError):
        envelope.open_bytes(data_key=KEY, associated_data=AAD, sealed=sealed[:keep])


def test_a_file_under_another_name_is_noticed() -> None:
    """The associated data binds a file to its artifact and path."""
    sealed = seal(b"weights")

    with pytest.raises(IntegrityError):
        envelope.open_bytes(data_key=KEY, associated_data=b"another file", sealed=sealed)


@given(size=st.integers(0, 40_000_000), each=st.integers(1, 9))
def test_runs_cover_a_file_exactly(size: int, each: int) -> None:
    """Runs follow each other without gap or overlap, in the plaintext and in the sealed file."""
    cut = envelope.runs(size, each)

    assert cut[0].plain_begin == 0
    assert cut[0].sealed_begin == envelope.HEADER_BYTES
    for before, after in pairwise(cut):
        assert before.plain_end == after.plain_begin
        assert before.sealed_begin + before.sealed_bytes == after.sealed_begin
    assert cut[-1].plain_end == size
    assert cut[-1].sealed_begin + cut[-1].sealed_bytes == envelope.sealed_size(size)


def test_swapped_segments_are_noticed() -> None:
    """A segment does not open in the place of another, of this file or of another one under the same key."""
    sealed = seal(random.Random(5).randbytes(4_000_000))
    first, second = slice(1 << 20, 2 << 20), slice(2 << 20, 3 << 20)
    swapped = bytearray(sealed)
    swapped[first], swapped[second] = sealed[second], sealed[first]

    with pytest.raises(IntegrityError, match="segment 1"):
        envelope.open_bytes(data_key=KEY, associated_data=AAD, sealed=bytes(swapped))


@given(plain_bytes=st.integers(0, 20 << 20), segments_each=st.integers(1, 9))
def test_a_run_is_its_segments(plain_bytes: int, segments_each: int) -> None:
    """Each is a run of one segment; together they are all of it, in order."""
    for run in envelope.runs(plain_bytes, segments_each):
        segments = list(run.segments())

        assert [(each.first, each.stop) for each in segments] == [(n, n + 1) for n in range(run.first, run.stop)]
        assert [each.plain_begin for each in segments][1:] == [each.plain_end for each in segments][:-1]
        assert (segments[0].plain_begin, segments[-1].plain_end) == (run.plain_begin, run.plain_end)
        assert sum(each.sealed_bytes for each in segments) == run.sealed_bytes
