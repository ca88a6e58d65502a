"""The rules together: everything is told, once, and what cannot be known is left out."""

import ast
import importlib
import pkgutil
from collections import Counter
from pathlib import Path

from tests.unit.artifact.models import healthy, ids, sharded, tokenizer, tokenizer_config

import outcrop.artifact
from outcrop.artifact.finding import Kind


def kinds() -> dict[str, Kind]:
    """Every kind of finding that any rule declares."""
    found: dict[str, Kind] = {}
    for module in pkgutil.walk_packages(outcrop.artifact.__path__, "outcrop.artifact."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Kind):
                found[value.id] = value
    return found


def test_a_healthy_model_has_no_findings_and_all_facts() -> None:
    """Both profiles take it without a word."""
    report = healthy().examined()

    assert report.findings == ()
    assert report.is_importable("outcrop")
    assert report.is_importable("bedrock")
    assert report.facts is not None
    assert (report.facts.architecture, report.facts.is_instruct, report.facts.parameters) == ("llama", True, 4560)


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Defects that have nothing to do with each other are all found in one pass."""
    model = (
        sharded()
        .configured(rope_parameters={"rope_theta": 1.0}, vocab_size=21)
        .without("model-00001-of-00002.safetensors")
        .having(
            {
                "tokenizer.json": tokenizer(special={"<x>": 20, "<y>": 21}),
                "tokenizer_config.json": tokenizer_config(tokenizer_class="TokenizersBackend"),
                "chat_template.jinja": b"{% for %}",
                "generation_config.json": b"[]",
                "../x": b"",
            }
        )
    )

    assert ids(model.examined()) == {
        "path.unsafe",
        "config.rope_parameters",
        "index.shard_missing",
        "tensor.misshapen",
        "tokenizer.newer_class",
        "tokenizer.vocabulary_too_large",
        "template.malformed",
        "file.not_json",
    }


def test_without_weights_the_rest_is_judged_all_the_same() -> None:
    """Configuration, tokenizer and template need none."""
    model = healthy().configured(model_type="x").without("model.safetensors").having({"tokenizer.json": b"{}"})

    assert ids(model.examined()) == {"weights.missing", "config.wrong_model_type", "tokenizer.unreadable"}


def test_facts_are_there_unless_an_error_says_why_not() -> None:
    """An importable model always has its facts."""
    for model in (healthy(), healthy().configured(hidden_size="x"), healthy().without("config.json")):
        report = model.examined()

        assert (report.facts is not None) or not (report.is_importable("outcrop") or report.is_importable("bedrock"))


def test_every_kind_of_finding_has_its_own_id() -> None:
    """Two rules never tell different things by one id: a kind is declared once."""
    declared: Counter[str] = Counter()
    for path in Path(outcrop.artifact.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(ast.Name("error" | "warning" | "note" | "Kind"), [ast.Constant(str(identifier)), *_]):
                    declared[identifier] += 1

    assert set(declared) == set(kinds())
    assert {identifier for identifier, count in declared.items() if count > 1} == set()


def test_every_kind_of_finding_is_met_in_a_test() -> None:
    """Each id stands in at least one test of this folder or of the hostile corpus."""
    tests = Path(__file__).parents[2]
    sources = "".join(
        path.read_text() for folder in ("unit/artifact", "hostile") for path in sorted((tests / folder).rglob("*.py"))
    )

    assert {identifier for identifier in kinds() if f'"{identifier}"' not in sources} == set()
