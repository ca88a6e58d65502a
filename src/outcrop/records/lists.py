"""Lists: what is asked for, and a page of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from outcrop.records.jobs import Stage

Item = TypeVar("Item")

_MILLISECOND = timedelta(milliseconds=1)

_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Filters, order and position of a list call; every list is ordered by creation time, then id."""

    limit: int
    name_contains: str | None = None
    created_after: datetime | None = None
    """Neither bound is in the list itself (docs/decisions/0016)."""
    created_before: datetime | None = None
    is_ascending: bool = False
    stages: frozenset[Stage] | None = None
    """Jobs only: the stages that belong to the wanted status; None for all."""
    after: tuple[datetime, str] | None = None
    """Creation time and id of the last item of the page before."""

    @property
    def created_from(self) -> datetime | None:
        """The first moment of creation after `created_after`, as times are shown: in milliseconds."""
        if self.created_after is None:
            return None
        shown = _shown(self.created_after)
        return shown + _MILLISECOND if shown < _shown(_LAST_MOMENT) else _LAST_MOMENT

    @property
    def created_until(self) -> datetime | None:
        """The first moment of creation that is not before `created_before`, as times are shown."""
        if self.created_before is None:
            return None
        shown = _shown(self.created_before)
        is_whole = shown == self.created_before or shown == _shown(_LAST_MOMENT)
        return shown if is_whole else shown + _MILLISECOND


def _shown(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list; `has_more` says that another follows."""

    items: tuple[Item, ...]
    has_more: bool
