"""Shell lines that point AWS clients at a server."""

from __future__ import annotations

import shlex

from outcrop.app.connect import Server


def export_lines(server: Server) -> str:
    """Returns `export` lines for a shell: endpoints, key and region (SPEC 13.1.1)."""
    variables = {
        "AWS_ENDPOINT_URL_BEDROCK": server.url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
        "AWS_ACCESS_KEY_ID": server.principal.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.principal.secret_access_key,
        "AWS_REGION": server.region,
        # boto3 and the AWS CLI read this name; the other SDKs read the one above.
        "AWS_DEFAULT_REGION": server.region,
    }
    # A session token of another login would be sent along with our key, and refused.
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return "\n".join([*lines, "unset AWS_SESSION_TOKEN AWS_PROFILE"]) + "\n"
