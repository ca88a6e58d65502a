"""What each operation needs, and how a refusal reads."""

import pytest
from tests.unit.access.documents import ANA, MODEL, document, request, statement

from outcrop.access import actions, policy
from outcrop.access.actions import OPERATIONS, Subject, denied, requests, require_allowed
from outcrop.access.evaluate import Decision, Reason
from outcrop.arn import Tenant
from outcrop.errors import AccessDeniedError
from outcrop.records import Caller, Tag

CALLER = Caller(
    principal_arn=ANA,
    tenant=Tenant(account="123456789012", region="us-east-1"),
    request_id="r-1",
    source_ip="203.0.113.7",
)
JOB = "arn:aws:bedrock:us-east-1:123456789012:model-import-job/abcdef012345"
JOBS = "arn:aws:bedrock:us-east-1:123456789012:model-import-job/*"
MODELS = "arn:aws:bedrock:us-east-1:123456789012:imported-model/*"
ROLE = "arn:aws:iam::123456789012:role/import"
CREATION = Subject(
    role_arn=ROLE, request_tags=(Tag(key="team", value="ml"),), model_tags=(Tag(key="stage", value="prod"),)
)


@pytest.mark.parametrize(
    ("operation", "subject", "action", "resource"),
    [
        ("CreateModelImportJob", Subject(), "bedrock:CreateModelImportJob", JOBS),
        ("GetModelImportJob", Subject(resource_arn=JOB), "bedrock:GetModelImportJob", JOB),
        ("GetModelImportJob", Subject(), "bedrock:GetModelImportJob", JOBS),
        ("ListModelImportJobs", Subject(), "bedrock:ListModelImportJobs", JOBS),
        ("GetImportedModel", Subject(resource_arn=MODEL), "bedrock:GetImportedModel", MODEL),
        ("ListImportedModels", Subject(), "bedrock:ListImportedModels", MODELS),
        ("DeleteImportedModel", Subject(resource_arn=MODEL), "bedrock:DeleteImportedModel", MODEL),
        ("TagResource", Subject(resource_arn=JOB), "bedrock:TagResource", JOB),
        ("UntagResource", Subject(resource_arn=MODEL), "bedrock:UntagResource", MODEL),
        ("ListTagsForResource", Subject(resource_arn=MODEL), "bedrock:ListTagsForResource", MODEL),
        ("ListTagsForResource", Subject(), "bedrock:ListTagsForResource", "arn:aws:bedrock:us-east-1:123456789012:*"),
        ("InvokeModel", Subject(resource_arn=MODEL), "bedrock:InvokeModel", MODEL),
        ("Converse", Subject(resource_arn=MODEL), "bedrock:InvokeModel", MODEL),
        (
            "InvokeModelWithResponseStream",
            Subject(resource_arn=MODEL),
            "bedrock:InvokeModelWithResponseStream",
            MODEL,
        ),
        ("ConverseStream", Subject(resource_arn=MODEL), "bedrock:InvokeModelWithResponseStream", MODEL),
        ("CountTokens", Subject(resource_arn=MODEL), "bedrock:CountTokens", MODEL),
    ],
)
def test_an_operation_needs_its_action(operation: str, subject: Subject, action: str, resource: str) -> None:
    """Service Authorization Reference, Amazon Bedrock; SPEC 3.1.7, 3.2.4, 3.4.8."""
    (needed,) = requests(operation, CALLER, subject)

    assert needed == request(action=action, resource=resource)


def test_every_operation_has_its_entry() -> None:
    """Nine of the control plane and five of the runtime."""
    assert len(OPERATIONS) == 14


def test_an_import_passes_its_role_and_tags_what_it_makes() -> None:
    """SPEC 6.3.1 and 2.7.5: the job's tags are not the model's."""
    own, role, job, model = requests("CreateModelImportJob", CALLER, CREATION)

    assert own == request(action="bedrock:CreateModelImportJob", resource=JOBS, request_tags={"team": "ml"})
    assert role == request(action="iam:PassRole", resource=ROLE, passed_to_service="bedrock.amazonaws.com")
    assert job == request(action="bedrock:TagResource", resource=JOBS, request_tags={"team": "ml"})
    assert model == request(action="bedrock:TagResource", resource=MODELS, request_tags={"stage": "prod"})


def test_tags_go_along_with_the_operations_on_tags() -> None:
    """Those that come, those that go, and those that are there."""
    there = {"stage": "prod"}
    (tag,) = requests(
        "TagResource",
        CALLER,
        Subject(resource_arn=MODEL, resource_tags=there, request_tags=(Tag(key="team", value="ml"),)),
    )
    (untag,) = requests(
        "UntagResource", CALLER, Subject(resource_arn=MODEL, resource_tags=there, untagged_keys=("team",))
    )

    assert tag == request(action="bedrock:TagResource", request_tags={"team": "ml"}, resource_tags=there)
    assert untag == request(action="bedrock:UntagResource", untagged_keys=("team",), resource_tags=there)


def test_aws_own_sample_policy_suffices() -> None:
    """SPEC 6.3.1: the caller's permissions of AWS's sample, with tags allowed as well."""
    sample = policy.parse(
        document(
            statement(
                Action=["bedrock:CreateModelImportJob", "bedrock:ListModelImportJobs", "bedrock:GetModelImportJob"]
            ),
            statement(
                Action=["bedrock:ListImportedModels", "bedrock:GetImportedModel", "bedrock:DeleteImportedModel"],
                Resource=MODELS,
            ),
            statement(Action=["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], Resource=MODELS),
            statement(
                Action="iam:PassRole",
                Resource=ROLE,
                Condition={"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}},
            ),
            statement(Action="bedrock:TagResource", Resource=[JOBS, MODELS]),
        )
    )

    require_allowed([sample], requests("CreateModelImportJob", CALLER, CREATION))
    for operation, entry in OPERATIONS.items():
        if entry.kind is not None and operation != "CountTokens":
            require_allowed([sample], requests(operation, CALLER, Subject()))


@pytest.mark.parametrize("missing", ["bedrock:CreateModelImportJob", "iam:PassRole", "bedrock:TagResource"])
def test_each_of_the_needs_is_needed(missing: str) -> None:
    """An import without the right to pass its role would read what its owner may not."""
    known = {"bedrock:CreateModelImportJob", "iam:PassRole", "bedrock:TagResource"}
    some = policy.parse(document(statement(Action=sorted(known - {missing}))))

    with pytest.raises(AccessDeniedError, match=f"perform: {missing} on resource: "):
        require_allowed([some], requests("CreateModelImportJob", CALLER, CREATION))


def test_a_right_for_one_model_is_none_for_all() -> None:
    """A list shows every model, so it takes more than one model's ARN; names of nothing are treated so too."""
    one = policy.parse(document(statement(Resource=MODEL)))

    require_allowed([one], requests("InvokeModel", CALLER, Subject(resource_arn=MODEL)))
    with pytest.raises(AccessDeniedError):
        require_allowed([one], requests("ListImportedModels", CALLER, Subject()))


def test_a_refusal_reads_as_aws_writes_it() -> None:
    """IAM User Guide, Troubleshoot access denied error messages."""
    silent = denied(request(), Decision(reason=Reason.IMPLICIT_DENY))
    explicit = denied(request(), Decision(reason=Reason.EXPLICIT_DENY))

    begin = f"User: {ANA} is not authorized to perform: bedrock:InvokeModel on resource: {MODEL} "
    assert silent.message == begin + "because no identity-based policy allows the bedrock:InvokeModel action"
    assert explicit.message == begin + "with an explicit deny in an identity-based policy"
    assert silent.code == "AccessDeniedException"


def test_other_partitions_have_their_own_arns() -> None:
    """As in every ARN of that region."""
    tenant = Tenant(account="123456789012", region="us-gov-west-1")

    assert actions.all_of(None, tenant) == "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:*"
