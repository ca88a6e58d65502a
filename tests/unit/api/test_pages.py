"""Lists: queries and page tokens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.samples import TENANT, sample_job

from outcrop.api import pages
from outcrop.api.calls import Call
from outcrop.arn import Tenant
from outcrop.errors import ValidationError
from outcrop.records import Caller, Page
from outcrop.testing.clock import BEGIN

KEY = b"k" * 32
CALLER = Caller(principal_arn="arn:aws:iam::000000000000:root", tenant=TENANT, request_id="1", source_ip="127.0.0.1")


def call(**params: object) -> Call:
    """A list call."""
    return Call(operation="ListModelImportJobs", params=params, caller=CALLER)


def token_of(asked: Call) -> str:
    """The token after a page of one job."""
    page = Page(items=(sample_job(1),), has_more=True)
    return pages.next_token(asked, page, key=KEY)["nextToken"]


def test_a_token_leads_on_where_the_page_ended() -> None:
    """The next query begins after the last item, with the same filters."""
    asked = call(nameContains="job", maxResults=1)

    query = pages.query_of(call(nameContains="job", maxResults=7, nextToken=token_of(asked)), key=KEY)

    assert query.after == (BEGIN, sample_job(1).id)
    assert (query.limit, query.name_contains) == (7, "job")


def test_the_last_page_has_no_token() -> None:
    """Clients stop where the member is absent."""
    assert pages.next_token(call(), Page(items=(sample_job(1),), has_more=False), key=KEY) == {}


@pytest.mark.parametrize(
    "other",
    [
        call(nameContains="other"),
        call(nameContains="job", sortOrder="Ascending"),
        call(nameContains="job", creationTimeAfter=BEGIN - timedelta(days=1)),
        replace(call(nameContains="job"), operation="ListImportedModels"),
        replace(call(nameContains="job"), caller=replace(CALLER, tenant=Tenant(account="1" * 12, region="us-east-1"))),
    ],
)
def test_a_token_belongs_to_its_query(other: Call) -> None:
    """Another filter, order, operation or account does not take it."""
    token = token_of(call(nameContains="job"))

    with pytest.raises(ValidationError, match="nextToken"):
        pages.query_of(replace(other, params={**other.params, "nextToken": token}), key=KEY)


@given(position=st.integers(0, 60), letter=st.sampled_from("ABCxyz019-_"))
def test_a_changed_token_is_refused(position: int, letter: str) -> None:
    """Any other character in any place."""
    token = token_of(call())
    position %= len(token) - 1  # of the last character only some bits count
    changed = token[:position] + letter + token[position + 1 :]
    if changed == token:
        return

    with pytest.raises(ValidationError):
        pages.query_of(call(nextToken=changed), key=KEY)


@given(st.text(max_size=100))
def test_rubbish_is_refused(token: str) -> None:
    """Whatever it is, it is not an error of ours."""
    with pytest.raises(ValidationError):
        pages.query_of(call(nextToken=token), key=KEY)
