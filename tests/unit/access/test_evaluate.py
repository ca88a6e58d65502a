"""AWS's evaluation logic, case by case, and what must hold for all policies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.access.documents import ANA, MODEL, OTHER_MODEL, document, request, statement

from outcrop.access import policy
from outcrop.access.evaluate import Decision, Reason, decide
from outcrop.access.policy import Policy

ALLOW_ALL = statement()
DENY_MODEL = statement(Effect="Deny", Resource=MODEL)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([ALLOW_ALL], Reason.ALLOWED),
        ([ALLOW_ALL, DENY_MODEL], Reason.EXPLICIT_DENY),
        ([DENY_MODEL, ALLOW_ALL], Reason.EXPLICIT_DENY),
        ([DENY_MODEL], Reason.EXPLICIT_DENY),
        ([statement(Effect="Deny", Resource=OTHER_MODEL)], Reason.IMPLICIT_DENY),
        ([statement(Effect="Deny", Resource=OTHER_MODEL), ALLOW_ALL], Reason.ALLOWED),
        ([statement(Action="bedrock:invokemodel")], Reason.ALLOWED),
        ([statement(Action="BEDROCK:*")], Reason.ALLOWED),
        ([statement(Action="bedrock:Invoke?odel")], Reason.ALLOWED),
        ([statement(Action="bedrock:Get*")], Reason.IMPLICIT_DENY),
        ([statement(Action=["bedrock:Get*", "bedrock:InvokeModel"])], Reason.ALLOWED),
        ([statement(Action="bedrock:InvokeModelWithResponseStream")], Reason.IMPLICIT_DENY),
        ([statement(Action="s3:*")], Reason.IMPLICIT_DENY),
        ([statement(Resource=MODEL)], Reason.ALLOWED),
        ([statement(Resource=OTHER_MODEL)], Reason.IMPLICIT_DENY),
        ([statement(Resource=[OTHER_MODEL, MODEL])], Reason.ALLOWED),
        ([statement(Resource=MODEL.replace("imported", "Imported"))], Reason.IMPLICIT_DENY),
        ([statement(Resource="arn:aws:bedrock:us-east-?:*:imported-model/*")], Reason.ALLOWED),
        ([statement(Resource="arn:aws:bedrock:*:999999999999:imported-model/*")], Reason.IMPLICIT_DENY),
        ([statement(Resource="arn:*:*:*:*:*")], Reason.ALLOWED),
        ([statement(Action="iam:PassRole"), statement(Resource=OTHER_MODEL)], Reason.IMPLICIT_DENY),
    ],
)
def test_a_deny_wins_then_an_allow_then_nothing(statements: list[dict[str, Any]], reason: Reason) -> None:
    """IAM User Guide, Policy evaluation logic; and it is the same in one policy or in many."""
    together = [policy.parse(document(*statements))]
    apart = [policy.parse(document(one)) for one in statements]

    assert decide(together, request()) == decide(apart, request()) == Decision(reason=reason)


def test_who_has_no_policy_may_nothing() -> None:
    """The default is an implicit deny."""
    decision = decide([], request())

    assert decision.reason is Reason.IMPLICIT_DENY
    assert not decision.allowed


TAGGED = {"request_tags": {"team": "ml", "cost": "7"}}
UNTAGGED: dict[str, Any] = {}
MODEL_TAGS = {"resource_tags": {"Stage": "prod"}}
TO_BEDROCK = {"passed_to_service": "bedrock.amazonaws.com"}


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        # no condition is no restriction; operators and keys are a logical AND, values a logical OR
        ({}, UNTAGGED, True),
        ({"StringEquals": {"aws:RequestTag/team": ["x", "ml"]}}, TAGGED, True),
        ({"StringEquals": {"aws:RequestTag/team": "ml", "aws:RequestTag/cost": "8"}}, TAGGED, False),
        ({"StringEquals": {"aws:RequestTag/team": "ml", "aws:RequestTag/cost": "7"}}, TAGGED, True),
        ({"StringEquals": {"aws:RequestTag/team": "ml"}, "StringLike": {"aws:RequestTag/cost": "8*"}}, TAGGED, False),
        # StringEquals has neither wildcards nor another case; the keys of tags have
        ({"StringEquals": {"aws:RequestTag/team": "ML"}}, TAGGED, False),
        ({"StringEquals": {"aws:RequestTag/team": "m*"}}, TAGGED, False),
        ({"StringEquals": {"AWS:requesttag/TEAM": "ml"}}, TAGGED, True),
        ({"StringLike": {"aws:RequestTag/team": "m?"}}, TAGGED, True),
        ({"StringLike": {"aws:RequestTag/team": "M?"}}, TAGGED, False),
        # negated operators: NOR over the values, and they hold where the key is missing
        ({"StringNotEquals": {"aws:RequestTag/team": "ml"}}, TAGGED, False),
        ({"StringNotEquals": {"aws:RequestTag/team": ["x", "ml"]}}, TAGGED, False),
        ({"StringNotEquals": {"aws:RequestTag/team": ["x", "y"]}}, TAGGED, True),
        ({"StringNotEquals": {"aws:RequestTag/team": "ml"}}, UNTAGGED, True),
        ({"StringNotLike": {"aws:RequestTag/team": "m*"}}, TAGGED, False),
        ({"StringNotLike": {"aws:RequestTag/team": "x*"}}, TAGGED, True),
        # a missing key does not match, but with IfExists
        ({"StringEquals": {"aws:RequestTag/team": "ml"}}, UNTAGGED, False),
        ({"StringEqualsIfExists": {"aws:RequestTag/team": "ml"}}, UNTAGGED, True),
        ({"StringEqualsIfExists": {"aws:RequestTag/team": "x"}}, TAGGED, False),
        ({"StringNotEqualsIfExists": {"aws:RequestTag/team": "ml"}}, TAGGED, False),
        ({"StringLike": {"aws:RequestTag/team": "*"}}, UNTAGGED, False),
        ({"Null": {"aws:RequestTag/team": "true"}}, UNTAGGED, True),
        ({"Null": {"aws:RequestTag/team": True}}, TAGGED, False),
        ({"Null": {"aws:RequestTag/team": "false"}}, TAGGED, True),
        ({"Null": {"aws:RequestTag/team": False}}, UNTAGGED, False),
        # tags of the resource
        ({"StringEquals": {"aws:ResourceTag/stage": "prod"}}, MODEL_TAGS, True),
        ({"StringEquals": {"aws:ResourceTag/stage": "test"}}, MODEL_TAGS, False),
        ({"StringEquals": {"aws:ResourceTag/stage": "prod"}}, UNTAGGED, False),
        ({"StringEquals": {"aws:RequestTag/stage": "prod"}}, MODEL_TAGS, False),
        # keys with many values
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost", "x"]}}, TAGGED, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, TAGGED, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, UNTAGGED, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["team"]}}, TAGGED, False),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["x"]}}, TAGGED, True),
        ({"ForAllValues:StringNotLike": {"aws:TagKeys": "x*"}}, UNTAGGED, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["team", "x"]}}, TAGGED, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["x"]}}, TAGGED, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}}, UNTAGGED, False),
        ({"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": ["team"]}}, UNTAGGED, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team"]}}, TAGGED, True),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team", "cost"]}}, TAGGED, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team"]}}, UNTAGGED, False),
        ({"ForAnyValue:StringLike": {"aws:TagKeys": "te*"}}, {"untagged_keys": ("team",)}, True),
        ({"StringLike": {"aws:RequestTag/team": "*"}}, {"untagged_keys": ("team",)}, False),
        ({"Null": {"aws:TagKeys": "false"}}, TAGGED, True),
        # who, where, from where, and to whom
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, UNTAGGED, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:user/an?"}}, UNTAGGED, True),
        ({"ArnEquals": {"aws:PrincipalArn": ["arn:aws:iam::*:role/*", ANA]}}, UNTAGGED, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, UNTAGGED, False),
        ({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, UNTAGGED, True),
        ({"StringEquals": {"aws:PrincipalArn": ANA}}, UNTAGGED, True),
        ({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, UNTAGGED, True),
        ({"StringEquals": {"aws:PrincipalAccount": "999999999999"}}, UNTAGGED, False),
        ({"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}, UNTAGGED, True),
        ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, UNTAGGED, False),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}}, UNTAGGED, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, UNTAGGED, False),
        ({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}}, UNTAGGED, False),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, UNTAGGED, True),
        ({"IpAddress": {"aws:SourceIp": "::/0"}}, {"source_ip": "no address"}, False),
        ({"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}, TO_BEDROCK, True),
        ({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}, TO_BEDROCK, False),
        ({"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}, UNTAGGED, False),
    ],
)
def test_a_statement_applies_while_its_conditions_hold(
    condition: dict[str, Any],
    context: dict[str, Any],
    holds: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """IAM User Guide, Condition operators and multiple context keys or values: the same for both effects."""
    allow = policy.parse(document(statement(Condition=condition)))
    deny = policy.parse(document(ALLOW_ALL, statement(Effect="Deny", Condition=condition)))
    wanted = request(**context)

    assert decide([allow], wanted).allowed is holds
    assert decide([deny], wanted).allowed is not holds


def test_tags_that_differ_in_case_are_all_looked_at() -> None:
    """IAM compares keys of tags without case; a prohibition must not be dodged with a second spelling."""
    deny = policy.parse(document(statement(Effect="Deny", Condition={"StringEquals": {"aws:ResourceTag/secret": "y"}})))
    model = request(resource_tags={"secret": "n", "SECRET": "y"})

    assert decide([deny], model).reason is Reason.EXPLICIT_DENY


STATEMENTS = st.builds(
    lambda effect, action, resource, condition: statement(
        Effect=effect, Action=action, Resource=resource, Condition=condition
    ),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["*", "bedrock:*", "bedrock:Invoke*", "bedrock:Get*", "iam:PassRole"]),
    st.sampled_from(["*", MODEL, OTHER_MODEL, "arn:aws:bedrock:*:*:imported-model/*"]),
    st.sampled_from(
        [
            {},
            {"StringEquals": {"aws:RequestTag/team": "ml"}},
            {"StringNotEqualsIfExists": {"aws:ResourceTag/stage": "prod"}},
            {"ForAllValues:StringLike": {"aws:TagKeys": ["t*"]}},
            {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        ]
    ),
)
POLICIES = st.lists(st.lists(STATEMENTS, min_size=1, max_size=4), max_size=4)
REQUESTS = st.builds(
    request,
    action=st.sampled_from(["bedrock:InvokeModel", "bedrock:GetImportedModel", "iam:PassRole"]),
    resource=st.sampled_from([MODEL, OTHER_MODEL]),
    source_ip=st.sampled_from(["203.0.113.7", "10.0.0.1", "::1"]),
    request_tags=st.sampled_from([{}, {"team": "ml"}, {"team": "ml", "x": ""}]),
    resource_tags=st.sampled_from([{}, {"stage": "prod"}, {"stage": "test"}]),
)


def read(statements: list[list[dict[str, Any]]]) -> list[Policy]:
    """Policies of these statements."""
    return [policy.parse(document(*some)) for some in statements]


@given(policies=POLICIES, more=STATEMENTS, wanted=REQUESTS)
def test_another_deny_never_allows_more(policies: list[Any], more: dict[str, Any], wanted: Any) -> None:
    """What was not allowed is not allowed afterwards."""
    before = decide(read(policies), wanted)
    after = decide(read([*policies, [more | {"Effect": "Deny"}]]), wanted)

    assert before.allowed or not after.allowed


@given(policies=POLICIES, more=STATEMENTS, wanted=REQUESTS)
def test_another_allow_never_denies_more(policies: list[Any], more: dict[str, Any], wanted: Any) -> None:
    """What was allowed is allowed afterwards, and what was explicitly denied still is."""
    before = decide(read(policies), wanted)
    after = decide(read([*policies, [more | {"Effect": "Allow"}]]), wanted)

    assert after.allowed or not before.allowed
    assert (before.reason is Reason.EXPLICIT_DENY) is (after.reason is Reason.EXPLICIT_DENY)


@given(policies=POLICIES, wanted=REQUESTS, data=st.data())
def test_the_order_of_statements_means_nothing(policies: list[Any], wanted: Any, data: st.DataObject) -> None:
    """Nor does it matter which policy holds them."""
    flat = [one for some in policies for one in some]
    shuffled = data.draw(st.permutations(flat))

    assert decide(read(policies), wanted) == decide(read([[one] for one in shuffled]), wanted)
