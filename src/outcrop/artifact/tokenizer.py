"""The tokenizer: that it loads, that its vocabulary fits the embeddings, and that AWS accepts its class. Pure.

Reading tokenizer.json is left to the `tokenizers` library, which the engines use too; it is loaded, never run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from outcrop.artifact.config import judge_tokenizer_code
from outcrop.artifact.finding import Finding, Judged, Kind, Severity, error, warning
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.artifact.strict_json import read_object
from outcrop.artifact.vocabulary import Vocabulary, load_vocabulary
from outcrop.artifact.wording import quoted, shown
from outcrop.records import JsonObject, JsonValue

TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

ACCEPTED_CLASSES = frozenset(
    f"{name}{suffix}"
    for name in (
        "T5Tokenizer",
        "LlamaTokenizer",
        "CodeLlamaTokenizer",
        "GPT2Tokenizer",
        "GPTNeoXTokenizer",
        "PreTrainedTokenizer",
        "Qwen2Tokenizer",
    )
    for suffix in ("", "Fast")
)
"""SPEC 4.2.5; usable with any model."""

_VOCABULARIES: Sequence[frozenset[str]] = (
    frozenset({"tokenizer.model"}),
    frozenset({"spiece.model"}),
    frozenset({"sentencepiece.bpe.model"}),
    frozenset({"vocab.json", "merges.txt"}),
)
"""Sets of files that slow tokenizers are made from, where there is no tokenizer.json."""

MISSING = error("tokenizer.missing")
"""There is no tokenizer. Do: upload the files that it was saved with."""
SLOW_ONLY = Kind("tokenizer.slow_only", Severity.WARNING, Severity.ERROR)
"""There is only the vocabulary of a slow tokenizer, which was not checked. Do: load it with AutoTokenizer and save
it."""
CONFIG_MISSING = Kind("tokenizer.config_missing", Severity.WARNING, Severity.ERROR)
"""There is no tokenizer_config.json. Do: upload the file that the tokenizer was saved with."""
NEWER_CLASS = Kind("tokenizer.newer_class", Severity.NOTE, Severity.ERROR)
"""transformers 5's tokenizer class, which AWS does not accept. Do: set the class that the finding names."""
CLASS = Kind("tokenizer.class", Severity.NOTE, Severity.ERROR)
"""AWS does not accept the tokenizer's class (SPEC 4.2.5). Do: set the class that the finding names."""
EXTRA_TOKENS = Kind("tokenizer.extra_special_tokens", Severity.NOTE, Severity.ERROR)
"""transformers 5's form, which version 4 fails on. Do: rename the member, or remove it."""
TOO_LARGE = error("tokenizer.vocabulary_too_large")
"""A token has no row in the embeddings: the engine stops when it is met. Do: upload the model's own tokenizer, or
resize the embeddings."""
UNKNOWN_TOKEN = warning("tokenizer.unknown_special_token")
"""A special token is not in the vocabulary. Do: name the token that the model was trained with."""

_LONGEST_ID = 10

_SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """What later rules need of a tokenizer."""

    vocabulary: Vocabulary | None
    """None where there is no readable tokenizer.json."""
    config: JsonObject
    """tokenizer_config.json; empty where there is none."""

    def special_tokens(self) -> Mapping[str, str]:
        """Returns the special tokens that templates can name, such as `bos_token`."""
        return {name: text for name in _SPECIAL if (text := _token_text(self.config.get(name))) is not None}


def judge_tokenizer(snapshot: ModelSnapshot, *, tokenizer_class: str, rows: int | None) -> Judged[Tokenizer]:
    """Judges the tokenizer's files.

    Args:
        snapshot: what was read of the model.
        tokenizer_class: the accepted class that a cure names.
        rows: how many token ids the model has embeddings for, where that is known.
    """
    findings: list[Finding] = []
    vocabulary = None
    if TOKENIZER in snapshot.contents:
        loaded = load_vocabulary(TOKENIZER, snapshot.contents[TOKENIZER], rows=rows)
        findings.extend(loaded.findings)
        vocabulary = loaded.value
    elif TOKENIZER not in snapshot.sizes:
        findings.append(_judge_absence(snapshot))
    config: JsonObject = {}
    if TOKENIZER_CONFIG in snapshot.contents:
        read = read_object(TOKENIZER_CONFIG, snapshot.contents[TOKENIZER_CONFIG])
        findings.extend(read.findings)
        if read.value is not None:
            config = read.value
            findings.extend(_judge_config(config, tokenizer_class))
    elif TOKENIZER_CONFIG not in snapshot.sizes:
        findings.append(
            CONFIG_MISSING.found(
                TOKENIZER_CONFIG,
                "could not find the expected file tokenizer_config.json.",
                cure="Upload the file that the tokenizer was saved with.",
                expected=TOKENIZER_CONFIG,
            )
        )
    tokenizer = Tokenizer(vocabulary, config)
    if vocabulary is not None:
        findings.extend(_judge_special_tokens(tokenizer, vocabulary))
    return Judged(tokenizer, tuple(findings))


def judge_vocabulary(tokenizer: Tokenizer, rows: int) -> Iterator[Finding]:
    """Judges whether every token has a row in the embeddings: one that has none stops the engine when it is met."""
    token, highest, file = "", -1, TOKENIZER
    if tokenizer.vocabulary is not None:
        token, highest = tokenizer.vocabulary.highest
    for number, text in _added_tokens(tokenizer.config):
        if number > highest:
            token, highest, file = text, number, TOKENIZER_CONFIG
    if highest >= rows:
        yield TOO_LARGE.found(
            file,
            f"has token {quoted(token)} with id {highest}, but the embeddings of the model have {rows} rows.",
            cure="Upload the tokenizer that belongs to the model, or resize the model's embeddings "
            "(resize_token_embeddings) and save it again.",
            expected=f"ids below {rows}",
            actual=str(highest),
        )


def _judge_absence(snapshot: ModelSnapshot) -> Finding:
    for files in _VOCABULARIES:
        if files <= set(snapshot.sizes):
            names = " and ".join(sorted(files))
            return SLOW_ONLY.found(
                TOKENIZER,
                f"could not find tokenizer.json; the tokenizer has to be made from {names}, and was not checked.",
                cure="Load the tokenizer with AutoTokenizer and save it, which writes tokenizer.json.",
                expected=TOKENIZER,
                actual=names,
            )
    return MISSING.found(
        TOKENIZER,
        "could not find the expected file tokenizer.json, nor another vocabulary.",
        cure="Upload the files that the tokenizer was saved with.",
        expected=TOKENIZER,
        actual="nothing",
    )


def _judge_config(config: JsonObject, tokenizer_class: str) -> Iterator[Finding]:
    yield from judge_tokenizer_code(TOKENIZER_CONFIG, config)
    name = config.get("tokenizer_class")
    if name == "TokenizersBackend":
        yield NEWER_CLASS.found(
            TOKENIZER_CONFIG,
            'has "tokenizer_class": "TokenizersBackend", which only transformers 5 knows; AWS does not accept it.',
            cure=f'Set "tokenizer_class": "{tokenizer_class}" ("LlamaTokenizerFast" for one of Llama 2\'s kind).',
            expected=tokenizer_class,
            actual="TokenizersBackend",
        )
    elif name not in ACCEPTED_CLASSES:
        yield CLASS.found(
            TOKENIZER_CONFIG,
            f'has {shown(name)} as "tokenizer_class", which is not among the classes that AWS accepts.',
            cure=f'Set "tokenizer_class" to one of {", ".join(sorted(ACCEPTED_CLASSES))}; '
            f'"{tokenizer_class}" reads the tokenizer.json as it is.',
            expected=tokenizer_class,
            actual=shown(name),
        )
    extra = config.get("extra_special_tokens")
    if isinstance(extra, list):
        yield EXTRA_TOKENS.found(
            TOKENIZER_CONFIG,
            'has "extra_special_tokens" as a list, as transformers 5 writes it; transformers 4 fails on it.',
            cure='Rename it to "additional_special_tokens".' if extra else 'Remove "extra_special_tokens".',
            expected="additional_special_tokens",
            actual=f"a list of {len(extra)}",
        )


def _judge_special_tokens(tokenizer: Tokenizer, vocabulary: Vocabulary) -> Iterator[Finding]:
    added = {text for _, text in _added_tokens(tokenizer.config)}
    for name, text in tokenizer.special_tokens().items():
        if text not in vocabulary and text not in added:
            yield UNKNOWN_TOKEN.found(
                TOKENIZER_CONFIG,
                f'names {quoted(text)} as "{name}", which the vocabulary does not have: readers add it with a new id, '
                "which the model never learnt.",
                cure=f'Set "{name}" to the token that the model was trained with.',
                actual=quoted(text),
            )


def _added_tokens(config: JsonObject) -> Iterator[tuple[int, str]]:
    decoder = config.get("added_tokens_decoder")
    for number, token in decoder.items() if isinstance(decoder, dict) else ():
        text = _token_text(token)
        if text is not None and number.isascii() and number.isdigit() and len(number) <= _LONGEST_ID:
            yield int(number), text


def _token_text(token: JsonValue) -> str | None:
    """A special token is written as a text, or as an object with its `content`."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None
