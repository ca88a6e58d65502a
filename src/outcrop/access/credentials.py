"""New keys, in the forms that AWS's have: tools that look for keys in the wrong places know them."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
from datetime import datetime

from outcrop.records import ApiKey

_ID_ALPHABET = string.ascii_uppercase + "234567"
_ID_RANDOM_LENGTH = 16
_SECRET_BYTES = 30


def new_access_key() -> tuple[str, str]:
    """Makes the id and the secret of a key that signs requests; AKIA is how AWS's long-term ones begin."""
    random = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_RANDOM_LENGTH))
    return f"AKIA{random}", secrets.token_urlsafe(_SECRET_BYTES)


def new_api_key(account: str, now: datetime, expires_at: datetime | None) -> tuple[ApiKey, str]:
    """Makes a long-term Bedrock API key: what is kept of it, and the key itself, which nobody can tell again."""
    name = f"BedrockAPIKey-{secrets.token_hex(4)}"
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    token = "ABSK" + base64.b64encode(f"{name}-at-{account}:{secret}".encode()).decode()
    kept = ApiKey(id=name, sha256=hashlib.sha256(token.encode()).hexdigest(), created_at=now, expires_at=expires_at)
    return kept, token
