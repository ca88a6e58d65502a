"""generation_config.json and the token ids that end or begin a text. Pure."""

from collections.abc import Iterator

from outcrop.artifact.finding import Finding, Kind, Severity, warning
from outcrop.artifact.wording import shown
from outcrop.records import JsonObject, JsonValue

GENERATION = "generation_config.json"

OUT_OF_RANGE = warning("generation.token_out_of_range")
"""A token id in the configuration has no row in the embeddings. Do: set the id that the tokenizer gives the token."""
GPT_OSS_ENDS = Kind("generation.gpt_oss_ends", Severity.WARNING, Severity.ERROR)
"""GPT-OSS's generation_config.json lacks end tokens that requests need. Do: take the current original's."""

_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")

_GPT_OSS_ENDS = (200002, 199999, 200012)
"""SPEC 4.2.4: with the two of older files, requests fail at run time."""


def judge_token_ids(file: str, values: JsonObject, rows: int) -> Iterator[Finding]:
    """Judges whether the ids in a configuration have rows in the embeddings."""
    for name in _IDS:
        value = values.get(name)
        wrong = [number for number in (value if isinstance(value, list) else [value]) if not _fits(number, rows)]
        if wrong:
            yield OUT_OF_RANGE.found(
                file,
                f'has {shown(value)} as "{name}"; the model\'s embeddings have rows 0 to {rows - 1}.',
                cure=f'Set "{name}" to the id that the tokenizer gives the token; without it, '
                + ("answers do not end by themselves." if name == "eos_token_id" else "the engine may stop."),
                expected=f"0 to {rows - 1}",
                actual=shown(value),
            )


def judge_gpt_oss_ends(values: JsonObject | None) -> Iterator[Finding]:
    """Judges GPT-OSS's generation_config.json (SPEC F9)."""
    ends = values.get("eos_token_id") if values is not None else None
    if isinstance(ends, list) and set(_GPT_OSS_ENDS) <= {item for item in ends if isinstance(item, int)}:
        return
    wanted = list(_GPT_OSS_ENDS)
    yield GPT_OSS_ENDS.found(
        GENERATION,
        f'has {shown(ends)} as "eos_token_id"; with GPT-OSS, requests fail unless it holds {shown(wanted)}.',
        cure=f'Set "eos_token_id": {shown(wanted)}, as the current original has it.',
        expected=shown(wanted),
        actual=shown(ends),
    )


def _fits(value: JsonValue, rows: int) -> bool:
    """Null means no such token, and so did -1 in the first Llama's files."""
    return value is None or (type(value) is int and -1 <= value < rows)
