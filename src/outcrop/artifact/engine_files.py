"""What an engine's folder needs beyond the model's own files, so that engines read what AWS reads. Pure."""

from __future__ import annotations

from collections.abc import Collection

from outcrop.artifact.strict_json import read_object

TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_JSON = "chat_template.json"


def lacks_template_file(paths: Collection[str]) -> bool:
    """Says whether the model's chat template lies where engines do not look for it.

    `chat_template.json` is one of AWS's places, before `tokenizer_config.json` (SPEC 4.2.6); the tokenizers of
    transformers read only the `.jinja` file.
    """
    return TEMPLATE_JSON in paths and TEMPLATE_FILE not in paths


def template_file(template_json: bytes) -> bytes | None:
    """Returns what `chat_template.jinja` would hold; None when the JSON holds no template."""
    document = read_object(TEMPLATE_JSON, template_json).value
    template = None if document is None else document.get("chat_template")
    return template.encode() if isinstance(template, str) else None
