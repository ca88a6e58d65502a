"""The pure decisions of what to read."""

import pytest

from outcrop.artifact.snapshot import (
    FIRST_READ,
    LARGEST_HEADER,
    MOST_WEIGHT_FILES,
    READ_WHOLE,
    ModelSnapshot,
    header_end,
    plan_reading,
)


def test_small_files_are_read_whole_up_to_their_cap() -> None:
    """By exact name, at the top level; what is larger is left for the rules to tell."""
    plan = plan_reading(
        {"config.json": READ_WHOLE["config.json"], "tokenizer.json": 10**9, "sub/config.json": 1, "a.md": 1}
    )

    assert plan.whole == ("config.json",)
    assert plan.beginnings == {}


def test_of_weights_the_beginning_is_read() -> None:
    """As much as there is, at most the first read."""
    plan = plan_reading(
        {"model.safetensors": 10**12, "a.safetensors": 5, "sub/b.safetensors": 5, "tokenizer.model": 10**6}
    )

    assert plan.beginnings == {"model.safetensors": FIRST_READ, "a.safetensors": 5, "tokenizer.model": 512}


def test_the_number_of_reads_is_bounded() -> None:
    """However many weights files are listed."""
    plan = plan_reading({f"{number}.safetensors": 1 for number in range(MOST_WEIGHT_FILES + 100)})

    assert len(plan.beginnings) == MOST_WEIGHT_FILES


@pytest.mark.parametrize(
    ("head", "end"),
    [
        (b"", None),
        (b"1234567", None),
        ((5).to_bytes(8, "little"), 13),
        (LARGEST_HEADER.to_bytes(8, "little"), LARGEST_HEADER + 8),
        ((LARGEST_HEADER + 1).to_bytes(8, "little"), None),
    ],
)
def test_where_a_header_ends_is_known_from_its_length(head: bytes, end: int | None) -> None:
    """Within the format's cap; beyond it there is nothing to read."""
    assert header_end(head) == end


def test_the_size_of_a_file_is_what_is_really_there() -> None:
    """A file that ended early counts with what it has."""
    snapshot = ModelSnapshot(sizes={"a": 10, "b": 10}, present={"a": 3})

    assert (snapshot.size("a"), snapshot.size("b")) == (3, 10)
