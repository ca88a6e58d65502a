"""How `transformers serve` is to take a model's reply apart, where it would do so wrongly or not at all. Pure.

It splits replies by a "response template": the tokenizer's own, or one that it keeps for a model type (transformers
5.23, `cli/serving/utils.py`). What it keeps for Qwen's types begins at `<|im_start|>assistant`. A fine-tune with
another chat template has that nowhere, and then the whole prompt is taken for the beginning of the reply. For GPT-OSS
it keeps none, so that reasoning and answer run into each other without the marks between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from outcrop.records import JsonObject, JsonValue

MEMBER = "response_template"
"""Where the tokenizers of transformers look for it in tokenizer_config.json."""

QWEN_TYPES = frozenset(
    {
        "qwen2",
        "qwen2_moe",
        "qwen2_vl",
        "qwen2_5_vl",
        "qwen3",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_vl",
        "qwen3_vl_moe",
        "qwen3_5",
        "qwen3_5_text",
        "qwen3_5_moe",
        "qwen3_5_moe_text",
    }
)
"""The model types that `transformers serve` takes for speakers of ChatML."""
GPT_OSS_TYPE = "gpt_oss"

_CHATML_ANSWER = re.compile(r"<\|im_start\|>assistant(?:\\n|\n)")
"""How a template begins the answer in ChatML: its line break is one, or is written as one in a string."""
_HARMONY_MARK = "<|channel|>"

_FROM = r"(?:<\|start\|>assistant)?"
_CHANNEL = r"(?:\s*<\|channel\|>(?:commentary|analysis))?"
HARMONY: JsonObject = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|start|>assistant",
    "fields": {
        "reasoning_content": {
            "open_pattern": rf"{_FROM}<\|channel\|>analysis<\|message\|>",
            "close_pattern": r"<\|end\|>|<\|return\|>",
            "content": "text",
        },
        "tool_calls": {
            # The recipient stands before the channel, or after it; what is constrained, to JSON, may be told or not.
            "open_pattern": (
                rf"{_FROM}{_CHANNEL}\s+to=functions\.(?P<name>[A-Za-z0-9_.-]+)"
                rf"{_CHANNEL}\s*(?:<\|constrain\|>)?(?:json)?<\|message\|>"
            ),
            "close_pattern": r"<\|call\|>|<\|end\|>",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}},
        },
        "content": {
            # All that is not one of those, without the marks of a message.
            "close_pattern": (
                rf"{_FROM}<\|channel\|>(?:final|commentary)\s*(?:<\|constrain\|>\w+)?<\|message\|>"
                r"|<\|(?:end|return|call|endoftext)\|>"
            ),
            "content": "text",
        },
    },
}
"""OpenAI's harmony format (https://cookbook.openai.com/articles/openai-harmony): messages in the channels analysis,
commentary and final, calls of tools in messages to them."""


def response_template(
    config: JsonObject, chat_template: str, tokenizer_config: JsonObject, special_tokens: Sequence[str]
) -> JsonObject | None:
    """Returns the response template that a model needs; None where it has one, or the engine's own is right.

    Args:
        config: config.json.
        chat_template: the source of the template that counts.
        tokenizer_config: tokenizer_config.json.
        special_tokens: what replies are to be read without, as everywhere.
    """
    if tokenizer_config.get(MEMBER) is not None or not chat_template:
        return None
    kind = config.get("model_type")
    if kind == GPT_OSS_TYPE:
        return HARMONY if _HARMONY_MARK in chat_template else None
    if kind in QWEN_TYPES and not _CHATML_ANSWER.search(chat_template):
        return _plain(special_tokens)
    return None


def may_need_one(config: JsonObject) -> bool:
    """Says whether a model is of a type that may need a response template, before more of it is read."""
    kind = config.get("model_type")
    return kind == GPT_OSS_TYPE or kind in QWEN_TYPES


def special_tokens_of(tokenizer: JsonObject, tokenizer_config: JsonObject) -> list[str]:
    """Returns the special tokens that tokenizer.json and tokenizer_config.json list."""
    listed = tokenizer.get("added_tokens")
    decoder = tokenizer_config.get("added_tokens_decoder")
    tokens = [
        *(listed if isinstance(listed, list | tuple) else ()),
        *(decoder.values() if isinstance(decoder, Mapping) else ()),
    ]
    found = [token["content"] for token in tokens if isinstance(token, Mapping) and token.get("special") is True]
    return sorted({text for text in found if isinstance(text, str) and text})


def _plain(special_tokens: Sequence[str]) -> JsonObject:
    """Everything after the prompt is content, but for special tokens."""
    content: dict[str, JsonValue] = {"content": "text"}
    if special_tokens:
        content["close"] = list(special_tokens)
    return {
        "defaults": {"role": "assistant"},
        "start_anchor_pattern": r"\A.*\Z",  # the prompt, whole
        "fields": {"content": content},
    }
