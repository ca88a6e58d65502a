"""The root principal's key: made on first start, in a file that only its owner may read."""

from __future__ import annotations

import json
import secrets
import string
from pathlib import Path

from outcrop.adapters.secret_file import create_once, read_private
from outcrop.errors import SettingError
from outcrop.records import Principal

_ID_ALPHABET = string.ascii_uppercase + "234567"
_ID_RANDOM_LENGTH = 16
_SECRET_BYTES = 30


def root_principal(path: Path, *, account: str) -> Principal:
    """Returns the principal of the key in this file, making the file first where there is none.

    Raises:
        SettingError: the file may be read by others, or is not one of ours.
    """
    create_once(path, json.dumps(_new_key(), indent=2) + "\n")
    try:
        document = json.loads(read_private(path))
        access_key_id, secret_access_key = document["access_key_id"], document["secret_access_key"]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError("--data", f"{path} does not hold an access key") from error
    return Principal(
        arn=f"arn:aws:iam::{account}:root",
        account=account,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
    )


def _new_key() -> dict[str, str]:
    # AKIA is how AWS's long-term keys begin; tools that look for keys in the wrong places know it.
    return {
        "access_key_id": "AKIA" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_RANDOM_LENGTH)),
        "secret_access_key": secrets.token_urlsafe(_SECRET_BYTES),
    }
