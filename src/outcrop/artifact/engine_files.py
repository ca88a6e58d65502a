"""What an engine's folder needs beyond the model's own files, so that engines read what AWS reads. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from outcrop.artifact.response_template import MEMBER, may_need_one, response_template, special_tokens_of
from outcrop.artifact.strict_json import read_object
from outcrop.records import JsonObject

TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_JSON = "chat_template.json"
_CONFIG = "config.json"
_TOKENIZER = "tokenizer.json"
_TOKENIZER_CONFIG = "tokenizer_config.json"


def read_first(paths: Collection[str]) -> list[str]:
    """Returns which of a model's files tell what its engine's folder needs."""
    return [path for path in (_CONFIG, TEMPLATE_JSON) if path in paths]


def read_next(paths: Collection[str], contents: Mapping[str, bytes]) -> list[str]:
    """Returns which further files are needed, once the first are known: none of most models."""
    if not may_need_one(_object(_CONFIG, contents)):
        return []
    return [path for path in (TEMPLATE_FILE, _TOKENIZER_CONFIG, _TOKENIZER) if path in paths]


def engine_files(paths: Collection[str], contents: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Returns files that an engine is given besides the model's own, or in place of them.

    `chat_template.json` is one of AWS's places, before `tokenizer_config.json` (SPEC 4.2.6); the tokenizers of
    transformers read only the `.jinja` file. `tokenizer_config.json` may need a response template.

    Args:
        paths: of all files of the model.
        contents: of those that `read_first` and `read_next` named.
    """
    added: dict[str, bytes] = {}
    template = _template_in_json(contents) if TEMPLATE_FILE not in paths else None
    if template is not None:
        added[TEMPLATE_FILE] = template.encode()
    tokenizer_config = _object(_TOKENIZER_CONFIG, contents)
    needed = response_template(
        _object(_CONFIG, contents),
        _chat_template({**contents, **added}, tokenizer_config),
        tokenizer_config,
        special_tokens_of(_object(_TOKENIZER, contents), tokenizer_config),
    )
    if needed is not None:
        added[_TOKENIZER_CONFIG] = json.dumps({**tokenizer_config, MEMBER: needed}).encode()
    return added


def _template_in_json(contents: Mapping[str, bytes]) -> str | None:
    template = _object(TEMPLATE_JSON, contents).get("chat_template")
    return template if isinstance(template, str) else None


def _chat_template(contents: Mapping[str, bytes], tokenizer_config: JsonObject) -> str:
    """Returns the source of the template that counts; of several named ones, all."""
    if TEMPLATE_FILE in contents:
        return contents[TEMPLATE_FILE].decode(errors="replace")
    embedded = tokenizer_config.get("chat_template")
    return embedded if isinstance(embedded, str) else json.dumps(embedded) if embedded else ""


def _object(path: str, contents: Mapping[str, bytes]) -> JsonObject:
    return (read_object(path, contents[path]).value or {}) if path in contents else {}
