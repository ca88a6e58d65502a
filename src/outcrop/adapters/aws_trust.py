"""Which certificate authorities AWS clients trust, so that what does not go through botocore trusts the same."""

from __future__ import annotations

from collections.abc import Mapping

import boto3


def ca_bundle(session: boto3.Session, environment: Mapping[str, str]) -> str | None:
    """Returns the PEM file that AWS_CA_BUNDLE, or `ca_bundle` of the profile, names; None: the built-in lists.

    botocore knows REQUESTS_CA_BUNDLE, too.
    """
    # boto3 shows its botocore session to nobody, and has no other way to ask for a variable.
    named = session._session.get_config_variable("ca_bundle")  # noqa: SLF001
    return named or environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE")
