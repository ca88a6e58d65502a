"""What an installed engine says of itself, without being run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.adapters.engine_architectures import TRANSFORMERS, VLLM, Registry, known_architectures

AUTO = """
raise RuntimeError("this must never run")
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(
    [
        # Model for Causal LM mapping
        ("phi3", "Phi3ForCausalLM"),
        ("gemma", "GemmaForCausalLM"),
    ]
)
MODEL_FOR_MASKED_LM_MAPPING_NAMES = OrderedDict([("bert", "BertForMaskedLM")])
MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict(
    [("llava", "LlavaForConditionalGeneration"), *list(MORE.items())]
)
"""
VLLM_MODELS = """
_TEXT_GENERATION_MODELS = {"OlmoForCausalLM": ("olmo", "OlmoForCausalLM"), "RWForCausalLM": ("falcon", "Falcon")}
_EMBEDDING_MODELS = {"BertModel": ("bert", "BertEmbeddingModel"), **{k: v for k, v in OTHER.items()}}
_MULTIMODAL_MODELS = {"AriaForConditionalGeneration": ("aria", "AriaForConditionalGeneration"), **MORE}
"""


def installed(folder: Path, registry: Registry, text: str) -> str:
    """An environment with an engine's registry in it; returns the engine's program."""
    program = folder / "bin" / "engine"
    program.parent.mkdir(parents=True)
    program.write_text("")
    file = folder / "lib" / "python3.11" / "site-packages" / registry.file
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return str(program)


def test_the_classes_that_generate_text_are_read(tmp_path: Path) -> None:
    """Of transformers: text, text and images, and Flan-T5; nothing else, and nothing is executed."""
    program = installed(tmp_path, TRANSFORMERS, AUTO)

    found = known_architectures(program, TRANSFORMERS)

    assert found == {
        "Phi3ForCausalLM",
        "GemmaForCausalLM",
        "LlavaForConditionalGeneration",
        "T5ForConditionalGeneration",
    }


def test_the_names_that_vllm_takes_are_read(tmp_path: Path) -> None:
    """They are the keys: several names may mean one implementation."""
    program = installed(tmp_path, VLLM, VLLM_MODELS)

    found = known_architectures(program, VLLM)

    assert found == {"OlmoForCausalLM", "RWForCausalLM", "AriaForConditionalGeneration"}


def test_a_program_that_is_a_link_is_followed(tmp_path: Path) -> None:
    """As tools that install programs make them."""
    program = installed(tmp_path / "environment", TRANSFORMERS, AUTO)
    link = tmp_path / "bin" / "transformers"
    link.parent.mkdir()
    link.symlink_to(program)

    found = known_architectures(str(link), TRANSFORMERS)

    assert "Phi3ForCausalLM" in found


@pytest.mark.parametrize("text", ["", "def broken(:", "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = load()", "\0"])
def test_a_registry_that_is_not_what_it_was_claims_nothing(tmp_path: Path, text: str) -> None:
    """Then only the families with tables are known."""
    program = installed(tmp_path, TRANSFORMERS, text)

    assert known_architectures(program, TRANSFORMERS) == frozenset()


def test_an_engine_that_is_not_there_claims_nothing(tmp_path: Path) -> None:
    """Neither a program that was not found, nor one in no environment."""
    assert known_architectures(None, TRANSFORMERS) == frozenset()
    assert known_architectures(str(tmp_path / "bin" / "transformers"), TRANSFORMERS) == frozenset()


@pytest.mark.oracle
def test_what_is_read_is_what_transformers_says() -> None:
    """The installed version's own tables, imported."""
    from transformers.models.auto import modeling_auto

    found = known_architectures(sys.executable, TRANSFORMERS)

    assert found == {
        *modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values(),
        *modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.values(),
        *TRANSFORMERS.also,
    }
    assert TRANSFORMERS.also <= set(modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.values())


def test_checking_imports_no_engine() -> None:
    """`outcrop check` answers in half a second; torch alone takes longer to import."""
    program = (
        "import sys; from outcrop.app.host import checking_host; from outcrop.settings import load\n"
        "checking_host(load({}, {})).architectures()\n"
        "print(*sorted({'torch', 'transformers', 'vllm', 'numpy', 'httpx', 'aiohttp', 'boto3'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == ""
