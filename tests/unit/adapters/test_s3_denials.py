"""What S3's refusals say of the right that was missing."""

import pytest

from outcrop.adapters.s3_errors import denied

WHO = "The role arn:aws:iam::1:role/import"
KEY = "arn:aws:kms:us-east-1:1:key/1111"
OF_KMS = (
    "User: arn:aws:sts::1:assumed-role/import/outcrop-abc is not authorized to perform: kms:Decrypt on resource: "
    f"{KEY} because no identity-based policy allows the kms:Decrypt action"
)
OF_S3 = (
    "User: arn:aws:sts::1:assumed-role/import/outcrop-abc is not authorized to perform: s3:GetObject on resource: "
    '"arn:aws:s3:::b/k" because no identity-based policy allows the s3:GetObject action'
)


@pytest.mark.parametrize(
    ("code", "message", "action", "said"),
    [
        ("AccessDenied", "", "s3:GetObject", "it lacks s3:GetObject (403 AccessDenied)"),
        ("AccessDenied", "Access Denied", "s3:GetObject", "it lacks s3:GetObject (403 AccessDenied)"),
        ("AccessDenied", OF_S3, "s3:GetObject", "it lacks s3:GetObject (403 AccessDenied)"),
        ("AccessDenied", OF_KMS, "kms:Decrypt", f"it lacks kms:Decrypt on {KEY} (403 AccessDenied)"),
        ("403", "", "s3:GetObject", "it lacks s3:GetObject (403)"),
    ],
)
def test_the_right_that_was_missing_is_named(code: str, message: str, action: str, said: str) -> None:
    """S3's own; KMS's where the object is encrypted and S3 says so."""
    error = denied(WHO, "read", "s3://b/k", "s3:GetObject", status=403, code=code, message=message)

    assert error.action == action
    assert str(error) == f"{WHO} may not read s3://b/k: {said}."


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidAccessKeyId", "RequestTimeTooSkewed"])
def test_what_is_no_question_of_rights_is_told_as_it_is(code: str) -> None:
    """No policy would mend it."""
    error = denied("The server", "list", "s3://b/", "s3:ListBucket", status=403, code=code)

    assert error.action == ""
    assert str(error) == f"The server could not list s3://b/: 403 {code}."
