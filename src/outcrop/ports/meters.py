"""Counting and timing what happens."""

from __future__ import annotations

from typing import Protocol

from outcrop.records.measures import Measure


class Meter(Protocol):
    """Takes what is measured, from any thread; never fails and never waits."""

    def add(self, measure: Measure, amount: float = 1, **labels: str) -> None:
        """Counts."""
        ...

    def observe(self, measure: Measure, value: float, **labels: str) -> None:
        """Notes one value of a distribution."""
        ...


class Unmetered:
    """A Meter where nobody looks."""

    def add(self, measure: Measure, amount: float = 1, **labels: str) -> None:
        """Counts nothing."""

    def observe(self, measure: Measure, value: float, **labels: str) -> None:
        """Notes nothing."""
