"""The files of a model folder, in the form that transformers 4.51.3 writes.

They are written here and not by save_pretrained: transformers 5 moves rope_theta and rope_scaling into
`rope_parameters` and names the tokenizer class `TokenizersBackend`. Bedrock reads files as 4.51.3 does:
it refuses that class, and a model without the old rope members imports but answers long prompts badly,
without a word. Both versions read the form used here.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel

FORMAT_VERSION = "4.51.3"
VOCAB_SIZE = 1024
CONTEXT_TOKENS = 1024

PAD, BEGIN, END = "<|pad|>", "<|begin|>", "<|end|>"
ROLES = ["<|system|>", "<|user|>", "<|assistant|>"]
SPECIAL_TOKENS = [PAD, BEGIN, END, *ROLES]  # a token's id is its place here

PAD_ID = SPECIAL_TOKENS.index(PAD)
BEGIN_ID = SPECIAL_TOKENS.index(BEGIN)
END_ID = SPECIAL_TOKENS.index(END)

CHAT_TEMPLATE = """\
{%- for message in messages -%}
    {{- '<|' + message['role'] + '|>' + message['content'] | trim + '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>' -}}
{%- endif -%}
"""

MODEL_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": BEGIN_ID,
    "eos_token_id": END_ID,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 256,
    "initializer_range": 0.02,
    "intermediate_size": 512,
    "max_position_embeddings": CONTEXT_TOKENS,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "pad_token_id": PAD_ID,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": FORMAT_VERSION,
    "use_cache": True,
    "vocab_size": VOCAB_SIZE,
}

GENERATION_CONFIG = {
    "bos_token_id": BEGIN_ID,
    "eos_token_id": END_ID,
    "pad_token_id": PAD_ID,
    "transformers_version": FORMAT_VERSION,
}

SPECIAL_TOKENS_MAP = {
    "additional_special_tokens": ROLES,
    "bos_token": BEGIN,
    "eos_token": END,
    "pad_token": PAD,
}

TOKENIZER_CONFIG = {
    "added_tokens_decoder": {
        str(token_id): {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for token_id, token in enumerate(SPECIAL_TOKENS)
    },
    "additional_special_tokens": ROLES,
    "bos_token": BEGIN,
    "clean_up_tokenization_spaces": False,
    "eos_token": END,
    "extra_special_tokens": {},
    # By default 4.51.3 adds token_type_ids, and generate then refuses them.
    "model_input_names": ["input_ids", "attention_mask"],
    "model_max_length": CONTEXT_TOKENS,
    "pad_token": PAD,
    "tokenizer_class": "PreTrainedTokenizerFast",
}


def write_tokenizer(folder: Path, text: Iterable[str]) -> None:
    """Train a byte-level BPE tokenizer on the text; write its files and the chat template.

    Raises:
        ValueError: the text is too short to give VOCAB_SIZE tokens.

    """
    tokenizer = Tokenizer(models.BPE())
    # No post-processor, so that no engine adds a begin token that another leaves out.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    if (size := tokenizer.get_vocab_size()) != VOCAB_SIZE:
        raise ValueError(f"the text gives {size} tokens, not {VOCAB_SIZE}: it needs more words")

    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)
    _write_json(folder / "special_tokens_map.json", SPECIAL_TOKENS_MAP)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")


def write_model(folder: Path, model: PreTrainedModel) -> None:
    """Write the weights as bfloat16, and the two configuration files."""
    weights = {
        name: weight.to(torch.bfloat16).contiguous()
        for name, weight in model.state_dict().items()
        if name != "lm_head.weight"  # tied: the same numbers as embed_tokens
    }
    path = folder / "model.safetensors"
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # save_file gives 0600, which an engine under another user cannot read
    _write_json(folder / "config.json", MODEL_CONFIG)
    _write_json(folder / "generation_config.json", GENERATION_CONFIG)


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
