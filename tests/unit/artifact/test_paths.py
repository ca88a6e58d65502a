"""Paths that could mean another place, and names that only look like others."""

import pytest

from outcrop.artifact.paths import collisions, is_folder_marker, looks_like, trick


@pytest.mark.parametrize(
    "path",
    [
        "../config.json",
        "a/../../b",
        "./config.json",
        "/etc/passwd",
        "C:/config.json",
        "a//b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a\u202eb",
        "a\u200bb",
        "a\ud800b",
        "a" * 600,
    ],
)
def test_tricks_are_seen(path: str) -> None:
    """Climbing, absolute, with other separators, or with what does not print."""
    assert trick(path) is not None


@pytest.mark.parametrize(
    "path", ["config.json", "a/b.c", ".gitattributes", ".cache/x", "..hidden", "grüße.txt", "a b.txt", "model (1).bin"]
)
def test_honest_paths_are_not(path: str) -> None:
    """Odd is not wrong."""
    assert trick(path) is None


def test_names_that_some_file_systems_join_are_grouped() -> None:
    """Case and Unicode form do not tell files apart everywhere."""
    assert collisions(["Config.json", "config.json", "x", "\ufb01", "fi"]) == {
        "config.json": ("Config.json", "config.json"),
        "fi": ("fi", "\ufb01"),
    }


@pytest.mark.parametrize("path", ["Config.JSON", " config.json", "\u0441onfig.json", "\uff43onfig.json"])
def test_look_alikes_are_known(path: str) -> None:
    """Another case, a space, a Cyrillic or a wide letter."""
    assert looks_like(path, "config.json")


def test_other_names_are_no_look_alikes() -> None:
    """Only what a person would take for it."""
    assert not looks_like("config2.json", "config.json")
    assert not looks_like("canfig.json", "config.json")


def test_folder_markers_are_no_files() -> None:
    """Consoles make an empty object for a new folder; the prefix itself can be one."""
    assert is_folder_marker("", 0)
    assert is_folder_marker("a/", 0)
    assert not is_folder_marker("a/", 1)
    assert not is_folder_marker("a", 0)
