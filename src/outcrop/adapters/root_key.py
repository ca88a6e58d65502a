"""The root principal's key: made on first start, in a file that only its owner may read."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

from outcrop.access.credentials import new_access_key
from outcrop.adapters.secret_file import create_once, read_private
from outcrop.errors import SettingError
from outcrop.records import Principal


def root_principal(path: Path, *, account: str) -> Principal:
    """Returns the principal of the key in this file, making the file first where there is none.

    Raises:
        SettingError: the file may be read by others, or is not one of ours.
    """
    made_id, made_secret = new_access_key()
    create_once(path, json.dumps({"access_key_id": made_id, "secret_access_key": made_secret}, indent=2) + "\n")
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


def derived_key(root: Principal, purpose: str) -> bytes:
    """Returns 32 secret bytes for one purpose that are the same for as long as the root principal's key is."""
    return hmac.digest(root.secret_access_key.encode(), purpose.encode(), "sha256")
