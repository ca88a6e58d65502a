"""The documentation says what is so: examples have the members of the real thing, links lead somewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.samples import sample_job

from outcrop.artifact.examine import examine
from outcrop.artifact.selection import select
from outcrop.artifact.snapshot import ModelSnapshot
from outcrop.console.progress import progress_of
from outcrop.records.measures import MEASURES
from outcrop.settings import setting_infos
from outcrop.testing.clock import BEGIN

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]


def example(page: str) -> dict[str, object]:
    """The JSON block of a page."""
    block = re.search(r"```json\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert block is not None
    found: dict[str, object] = json.loads(block[1])
    return found


def test_the_report_has_the_documented_members() -> None:
    """docs/report.md, held against a report with a finding."""
    empty = ModelSnapshot(sizes={})
    real = {**examine(empty).to_json(), **select(empty).to_json()}

    documented = example("docs/report.md")

    assert documented.keys() == real.keys()
    assert documented["verdicts"]["outcrop"].keys() == real["verdicts"]["outcrop"].keys()
    assert documented["findings"][0].keys() == real["findings"][0].keys()


def test_the_progress_has_the_documented_members() -> None:
    """docs/http.md, held against a job's progress."""
    real = progress_of(sample_job(), BEGIN)

    documented = example("docs/http.md")

    assert documented.keys() == real.keys()
    assert documented["stages"][0].keys() == real["stages"][0].keys()


def test_the_made_pages_are_what_the_code_says() -> None:
    """docs/coverage.md, docs/findings.md and docs/metrics.md."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / "docs.py", "--check"], check=False)

    assert done.returncode == 0


def test_the_findings_page_names_no_finding_that_there_is_not() -> None:
    """Its table of what users of Bedrock met refers to ids of the tables above it."""
    text, _, met = (ROOT / "docs" / "findings.md").read_text().partition("## What users of Bedrock met")
    there = set(re.findall(r"^\| `([a-z_]+\.[a-z0-9_]+)` \|", text, re.MULTILINE))

    assert len(there) > 90
    assert set(re.findall(r"`([a-z]+\.[a-z0-9_]+)`", met)) <= there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file that is there."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_dependency_has_its_reason() -> None:
    """docs/dependencies.md has a line for each."""
    project = (ROOT / "pyproject.toml").read_text()
    names = re.findall(r'^  "([a-z0-9-]+)[>\[]', project, re.MULTILINE)
    explained = (ROOT / "docs" / "dependencies.md").read_text()

    assert [name for name in names if name not in explained] == []


def test_operations_names_tests_settings_and_metrics_that_there_are() -> None:
    """An operator can look each of them up."""
    page = (ROOT / "docs" / "operations.md").read_text()
    tests = set(re.findall(r"tests/[a-z0-9_/]+\.py", page))
    flags = {flag for info in setting_infos() for flag in info.flag.split("/")}
    named = set(re.findall(r"`(--[a-z-]+)", page)) - {"--no-worker"}

    assert [path for path in tests if not (ROOT / path).is_file()] == []
    assert sorted(named - flags) == []
    assert set(re.findall(r"`(outcrop_[a-z_]+)", page)) <= {measure.name for measure in MEASURES}
