"""Token ids that begin and end texts."""

import json
from typing import Any

import pytest
from tests.unit.artifact.models import healthy, ids, only

from outcrop.artifact.finding import Severity
from outcrop.artifact.generation import judge_gpt_oss_ends


@pytest.mark.parametrize("value", [20, [0, 99], -2, "1", 1.0, True, [None, "x"], 10**40])
def test_ids_without_a_row_are_told(value: Any) -> None:
    """An end that the model cannot produce never comes."""
    generation = json.dumps({"eos_token_id": value}).encode()

    found = only(healthy().having({"generation_config.json": generation}).examined(), "generation.token_out_of_range")

    assert found.file == "generation_config.json"
    assert found.outcrop is Severity.WARNING


@pytest.mark.parametrize("value", [0, 19, [0, 19], None, -1, []])
def test_ids_with_a_row_are_fine(value: Any) -> None:
    """-1 and null mean that there is none."""
    generation = json.dumps({"eos_token_id": value, "pad_token_id": value}).encode()

    assert healthy().having({"generation_config.json": generation}).examined().findings == ()


def test_without_the_file_the_config_counts() -> None:
    """Engines take the ids from there."""
    found = only(healthy().configured(eos_token_id=50256).examined(), "generation.token_out_of_range")

    assert found.file == "config.json"


def test_a_file_that_is_no_json_is_told() -> None:
    """It is read when the model is loaded."""
    assert ids(healthy().having({"generation_config.json": b"{"}).examined()) == {"file.not_json"}


@pytest.mark.parametrize("values", [None, {}, {"eos_token_id": 200002}, {"eos_token_id": [200002, 199999]}])
def test_gpt_oss_needs_its_three_ends(values: Any) -> None:
    """SPEC F9: with fewer, requests fail at run time."""
    (found,) = judge_gpt_oss_ends(values)

    assert (found.id, found.bedrock) == ("generation.gpt_oss_ends", Severity.ERROR)
    assert "[200002, 199999, 200012]" in found.cure


def test_gpt_oss_with_its_three_ends_is_fine() -> None:
    """In any order, and with others."""
    assert list(judge_gpt_oss_ends({"eos_token_id": [199999, 200012, 5, 200002]})) == []
