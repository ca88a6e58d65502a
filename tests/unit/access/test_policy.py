"""Reading policy documents: what is accepted, and that everything else is refused by its path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.access.documents import document, statement

from outcrop.access import policy
from outcrop.access.condition import Condition, Key, Operator, Quantifier
from outcrop.access.patterns import Exactly, Wildcard
from outcrop.access.policy import Effect, Policy, Statement
from outcrop.errors import ValidationError

IN_STATEMENT = "$.Statement[0]"
IN_CONDITION = "$.Statement[0].Condition"


def test_a_document_is_read_in_full() -> None:
    """Every element that is supported has its place."""
    made = policy.parse(
        document(
            {
                "Sid": "Invoke1",
                "Effect": "Allow",
                "Action": ["bedrock:Invoke*", "bedrock:CountTokens"],
                "Resource": "arn:aws:bedrock:*:123456789012:imported-model/*",
                "Condition": {"ForAllValues:StringEqualsIfExists": {"AWS:tagkeys": "team"}},
            }
        )
    )

    assert made == Policy(
        statements=(
            Statement(
                sid="Invoke1",
                effect=Effect.ALLOW,
                actions=(Wildcard("bedrock:invoke*"), Wildcard("bedrock:counttokens")),
                resources=(Wildcard("arn:aws:bedrock:*:123456789012:imported-model/*"),),
                conditions=(
                    Condition(
                        operator=Operator.STRING_EQUALS,
                        quantifier=Quantifier.ALL,
                        is_if_exists=True,
                        key=Key.TAG_KEYS,
                        values=(Exactly("team"),),
                    ),
                ),
            ),
        )
    )


def test_one_statement_needs_no_list() -> None:
    """IAM's grammar: one or many."""
    assert policy.parse({"Version": "2012-10-17", "Statement": statement()}) == policy.parse(document(statement()))


@pytest.mark.parametrize(
    ("whole", "path", "why"),
    [
        ({}, "$", "Version is missing"),
        ({"Version": "2012-10-17"}, "$", "Statement is missing"),
        ({"Version": "2008-10-17", "Statement": []}, "$.Version", '"2012-10-17"'),
        ({"Version": None, "Statement": []}, "$.Version", '"2012-10-17"'),
        ({"Version": "2012-10-17", "Id": "x", "Statement": []}, "$.Id", "not supported"),
        ({"Version": "2012-10-17", "": "x", "Statement": []}, '$[""]', "not supported"),
        ({"Version": "2012-10-17", "Statement": []}, "$.Statement", "empty"),
        ({"Version": "2012-10-17", "Statement": "Allow"}, "$.Statement", "an object is expected"),
        ({"Version": "2012-10-17", "Statement": [statement(), 7]}, "$.Statement[1]", "an object is expected"),
        ({"Version": "2012-10-17", "Statement": {"Effect": "Allow"}}, "$.Statement", "Action is missing"),
    ],
)
def test_a_document_that_is_not_understood_is_refused(whole: Any, path: str, why: str) -> None:
    """By the path of what is wrong with it."""
    with pytest.raises(ValidationError) as caught:
        policy.parse(whole)

    assert f" at {path}: " in caught.value.message
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("changes", "path", "why"),
    [
        ({"Effect": None}, "", "Effect is missing"),
        ({"Action": None}, "", "Action is missing"),
        ({"Resource": None}, "", "Resource is missing"),
        ({"Effect": "allow"}, ".Effect", '"Allow" or "Deny"'),
        ({"Effect": ["Allow"]}, ".Effect", "a string is expected"),
        ({"Principal": "*"}, ".Principal", "not supported"),
        ({"NotPrincipal": {"AWS": "*"}}, ".NotPrincipal", "not supported"),
        ({"NotAction": "*"}, ".NotAction", "not supported"),
        ({"NotResource": "*"}, ".NotResource", "not supported"),
        ({"effect": "Deny"}, ".effect", "not supported"),
        ({"Sid": "has space"}, ".Sid", "A-Z"),
        ({"Sid": 1}, ".Sid", "a string is expected"),
        ({"Action": []}, ".Action", "empty"),
        ({"Action": ["*", 5]}, ".Action[1]", "a string is expected"),
        ({"Action": [["*"]]}, ".Action[0]", "a string is expected"),
        ({"Action": "InvokeModel"}, ".Action", "is not an action"),
        ({"Action": "bed*:InvokeModel"}, ".Action", "is not an action"),
        ({"Action": "bedrock:"}, ".Action", "is not an action"),
        ({"Action": "bedrock:Get Model"}, ".Action", "is not an action"),
        ({"Action": "bedrock:${aws:username}"}, ".Action", "policy variables"),
        ({"Resource": []}, ".Resource", "empty"),
        ({"Resource": "imported-model/*"}, ".Resource", "an ARN of six parts"),
        ({"Resource": "arn:aws:bedrock:*"}, ".Resource", "an ARN of six parts"),
        ({"Resource": ["*", "arn:aws:bedrock:*:*:imported-model/${aws:username}"]}, ".Resource[1]", "policy variables"),
        ({"Condition": []}, ".Condition", "an object is expected"),
    ],
)
def test_a_statement_that_is_not_understood_is_refused(changes: Any, path: str, why: str) -> None:
    """Unknown elements are never ignored: a prohibition that was overlooked would be a permission."""
    with pytest.raises(ValidationError) as caught:
        policy.parse(document(statement(**changes)))

    assert f" at {IN_STATEMENT}{path}: " in caught.value.message
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("condition", "path", "why"),
    [
        ({"Bool": {"aws:SecureTransport": "true"}}, ".Bool", "is not supported"),
        ({"stringequals": {"aws:SourceIp": "x"}}, ".stringequals", "is not supported"),
        ({"StringEqualsIfExistsIfExists": {}}, ".StringEqualsIfExistsIfExists", "is not supported"),
        ({"ForSome:StringEquals": {}}, '["ForSome:StringEquals"]', "is not supported"),
        ({":StringEquals": {}}, '[":StringEquals"]', "is not supported"),
        ({"StringEquals": {}}, ".StringEquals", "at least one key"),
        ({"StringEquals": "x"}, ".StringEquals", "an object is expected"),
        ({"StringEquals": {"aws:UserId": "x"}}, '.StringEquals["aws:UserId"]', "is not supported"),
        ({"StringEquals": {"aws:RequestTag": "x"}}, '.StringEquals["aws:RequestTag"]', "must name one tag"),
        ({"StringEquals": {"aws:RequestTag/": "x"}}, '.StringEquals["aws:RequestTag/"]', "must name one tag"),
        ({"StringEquals": {"aws:RequestTag/${a}": "x"}}, '.StringEquals["aws:RequestTag/${a}"]', "must name one tag"),
        ({"StringEquals": {"aws:TagKeys/a": "x"}}, '.StringEquals["aws:TagKeys/a"]', "is not supported"),
        ({"StringEquals": {"aws:RequestTag/a": []}}, '.StringEquals["aws:RequestTag/a"]', "empty"),
        ({"StringEquals": {"aws:RequestTag/a": ["x", 1]}}, '.StringEquals["aws:RequestTag/a"][1]', "a string"),
        ({"StringLike": {"aws:RequestTag/a": "${b}"}}, '.StringLike["aws:RequestTag/a"]', "policy variables"),
        ({"StringEquals": {"aws:TagKeys": "a"}}, '.StringEquals["aws:TagKeys"]', "ForAnyValue"),
        (
            {"ForAnyValue:StringEquals": {"aws:RequestTag/a": "a"}},
            '["ForAnyValue:StringEquals"]["aws:RequestTag/a"]',
            "has one value",
        ),
        ({"StringLike": {"aws:SourceIp": "10.*"}}, '.StringLike["aws:SourceIp"]', "compares a string"),
        ({"IpAddress": {"aws:PrincipalArn": "::1"}}, '.IpAddress["aws:PrincipalArn"]', "compares an IP address"),
        ({"ArnLike": {"aws:RequestTag/a": "*"}}, '.ArnLike["aws:RequestTag/a"]', "compares an ARN"),
        ({"ArnLike": {"aws:PrincipalArn": "*"}}, '.ArnLike["aws:PrincipalArn"]', "not an ARN"),
        ({"IpAddress": {"aws:SourceIp": ["::1", "10.0.0.1/8"]}}, '.IpAddress["aws:SourceIp"][1]', "CIDR"),
        ({"Null": {"aws:TagKeys": "no"}}, '.Null["aws:TagKeys"]', "neither"),
        ({"NullIfExists": {"aws:TagKeys": "true"}}, ".NullIfExists", "Null takes neither"),
        ({"ForAllValues:Null": {"aws:TagKeys": "true"}}, '["ForAllValues:Null"]', "Null takes neither"),
    ],
)
def test_a_condition_that_is_not_understood_is_refused(condition: Any, path: str, why: str) -> None:
    """Operators, keys and values each by their path."""
    with pytest.raises(ValidationError) as caught:
        policy.parse(document(statement(Condition=condition)))

    assert f" at {IN_CONDITION}{path}: " in caught.value.message
    assert why in caught.value.message


def test_a_sid_stands_once() -> None:
    """Sids are unique in a policy (IAM User Guide, Sid); statements without one are not counted."""
    policy.parse(document(statement(Sid=""), statement(Sid=""), statement()))

    with pytest.raises(ValidationError, match=r"\$\.Statement\[1\]\.Sid"):
        policy.parse(document(statement(Sid="A"), statement(Sid="A")))


def test_a_policy_has_at_most_6144_characters() -> None:
    """White space is not counted (IAM quotas), but there is not without end of it either."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:imported-model/"
    room = policy.MOST_CHARACTERS - len(json.dumps(document(statement(Resource=arn)), separators=(",", ":")))
    longest = document(statement(Resource=arn + "a" * room))

    assert policy.read(json.dumps(longest, indent=4)) == policy.parse(longest)
    with pytest.raises(ValidationError, match=r"6,145 characters"):
        policy.parse(document(statement(Resource=arn + "a" * (room + 1))))
    with pytest.raises(ValidationError, match=r"more than 24,576"):
        policy.read(" " * 24_577)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 6000, "9" * 6000, '{"Version": NaN}', '{"Version": Infinity}', "\ufeff{}"],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    """Neither depth nor length of a number is more than a refusal."""
    with pytest.raises(ValidationError, match=r"at \$: the document is not JSON"):
        policy.read(text)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"'])
def test_what_is_no_object_is_refused(text: str) -> None:
    """A policy is a JSON object."""
    with pytest.raises(ValidationError, match=r"at \$: an object is expected"):
        policy.read(text)


def test_no_name_stands_twice() -> None:
    """Of two Effects, one would be ignored."""
    text = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Effect": "Allow"}}'

    with pytest.raises(ValidationError, match='"Effect" stands twice'):
        policy.read(text)


def test_a_document_that_is_no_json_at_all_is_refused() -> None:
    """Also when it comes as Python's values."""
    for strange in (document(statement(Sid=float("nan"))), document(statement(Sid={1}))):
        with pytest.raises(ValidationError, match="is not JSON"):
            policy.parse(strange)


WORDS = st.sampled_from(
    (
        *("Version", "2012-10-17", "Statement", "Effect", "Allow", "Deny", "Action", "Resource", "*", "Condition"),
        *("StringLike", "ForAnyValue:StringLike", "ArnLike", "IpAddress", "Null"),
        *("aws:TagKeys", "aws:RequestTag/a", "aws:SourceIp", "aws:PrincipalArn", "${a}", "true"),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(value=JSON, condition=JSON)
def test_whatever_is_written_is_read_or_refused(value: Any, condition: Any) -> None:
    """No document leads to another error, and every refusal says where."""
    for whole in (value, document(value), document(statement(Condition=condition))):
        why = refusal(json.dumps(whole))

        assert not why or why.startswith("The policy is malformed at $")


def refusal(text: str) -> str:
    """Why a policy is refused, or nothing."""
    try:
        policy.read(text)
    except ValidationError as error:
        return error.message
    return ""
