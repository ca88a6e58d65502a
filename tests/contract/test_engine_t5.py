"""An encoder-decoder model on the embedded engine, held against transformers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from outcrop import settings
from outcrop.adapters.engine_openai import ProcessEngine
from outcrop.adapters.engine_transformers import transformers_profile

TRANSFORMERS = settings.find_program("transformers")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.engine,
    pytest.mark.oracle,
    pytest.mark.skipif(TRANSFORMERS is None, reason="outcrop[transformers] is not installed"),
]

PROMPTS = ("hi", "a prompt of more tokens than the reply may have")
MAX_TOKENS = 12


def make_t5(folder: Path) -> Any:
    """Writes a T5 of random weights with a tokenizer of letters; returns it with its tokenizer."""
    import torch
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    # ASCII alone: whatever random weights generate is a text then.
    letters = sorted(letter for letter in pre_tokenizers.ByteLevel.alphabet() if "!" <= letter <= "~" or letter == "Ġ")
    vocabulary = Tokenizer(models.BPE(vocab={letter: 2 + place for place, letter in enumerate(letters)}, merges=[]))
    vocabulary.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary.decoder = decoders.ByteLevel()
    vocabulary.add_special_tokens(["<pad>", "</s>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=vocabulary, pad_token="<pad>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=vocabulary.get_vocab_size(),
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            initializer_factor=5.0,
        )
    ).eval()
    model.save_pretrained(folder)
    return model, tokenizer


async def test_its_whole_reply_is_what_it_generates(tmp_path: Path) -> None:
    """Text and counts are the model's own, also when the prompt is longer than the reply."""
    model, tokenizer = make_t5(tmp_path / "model")
    expected = []
    for prompt in PROMPTS:
        ids = model.generate(**tokenizer(prompt, return_tensors="pt"), max_new_tokens=MAX_TOKENS, do_sample=False)
        # Its replies begin with the decoder's start token.
        expected.append((tokenizer.decode(ids[0, 1:], skip_special_tokens=True), len(ids[0]) - 1))
    engine = ProcessEngine(
        transformers_profile(TRANSFORMERS, device="cpu"),
        run_dir=tmp_path / "run",
        log_dir=tmp_path / "logs",
        environment=settings.engine_environment(),
    )

    running = await engine.start(str(tmp_path / "model"), label="arn:t5")
    try:
        replies: list[Any] = [
            await running.post("/v1/completions", {"prompt": prompt, "max_tokens": MAX_TOKENS}) for prompt in PROMPTS
        ]
    finally:
        await running.stop()

    assert [(reply["choices"][0]["text"], reply["usage"]["completion_tokens"]) for reply in replies] == expected
    assert all(text for text, _ in expected)
