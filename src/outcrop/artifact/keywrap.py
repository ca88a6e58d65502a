"""A model's own wrapped copy of its artifact's data key. Pure.

A key service can make and unwrap keys, but not all of them can wrap a key that exists (SPEC 6.4: Bedrock's grant covers
GenerateDataKey and Decrypt). So each model has a wrapping key of its own, made by the key service under the model's
ARN, and the artifact's data key is sealed with that:

    1 byte version ‖ 2 bytes length of the service's blob ‖ the blob ‖ 12 bytes nonce ‖ AES-256-GCM(data key), 48 bytes

Deleting these bytes takes the model's way to the weights away, and that of no other model.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outcrop.errors import IntegrityError

VERSION = 1
NONCE_BYTES = 12
MODEL_ARN = "outcrop:model-arn"
"""The name in the encryption context under which the model stands."""


def encryption_context(model_arn: str) -> dict[str, str]:
    """Returns the context that names the model to the key service: in its audit log, and bound to the wrapped key."""
    return {MODEL_ARN: model_arn}


def wrap(*, data_key: bytes, wrapping_key: bytes, wrapped_wrapping_key: bytes, artifact_id: str, nonce: bytes) -> bytes:
    """Returns the model's wrapped copy of the data key."""
    sealed = AESGCM(wrapping_key).encrypt(nonce, data_key, artifact_id.encode())
    length = len(wrapped_wrapping_key).to_bytes(2, "big")
    return bytes([VERSION]) + length + wrapped_wrapping_key + nonce + sealed


def wrapped_wrapping_key(wrapped: bytes) -> bytes:
    """Returns the part that the key service has to unwrap. Raises IntegrityError."""
    if not wrapped or wrapped[0] != VERSION:
        raise IntegrityError("a model's wrapped key has a format that this version does not read")
    return wrapped[3 : 3 + int.from_bytes(wrapped[1:3], "big")]


def unwrap(*, wrapped: bytes, wrapping_key: bytes, artifact_id: str) -> bytes:
    """Returns the data key. Raises IntegrityError."""
    rest = wrapped[3 + len(wrapped_wrapping_key(wrapped)) :]
    try:
        return AESGCM(wrapping_key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], artifact_id.encode())
    except (InvalidTag, ValueError):
        raise IntegrityError("a model's wrapped key does not belong to its artifact") from None
