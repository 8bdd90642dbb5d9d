"""Who signed an S3 request: AWS Signature Version 4 in the ``Authorization`` header."""

import hmac
import re

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request

from polygon_assets.sandbox.polygon.s3_answers import S3Error, access_denied

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/\d{8}/([^/,]+)/s3/aws4_request,\s*"
    r"SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)


def is_signed(request: Request) -> bool:
    """Whether a request carries such a signature, right or wrong."""
    return request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 ")


def verify(request: Request, access_key_id: str, secret_access_key: str) -> None:
    """Check that a request was signed with these keys.

    Raises:
        S3Error: Not signed, malformed, with another key, or with another secret.
    """
    given = request.headers.get("authorization")
    if given is None:
        raise access_denied()
    found = _AUTHORIZATION.fullmatch(given)
    if found is None:
        raise S3Error(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
    key, region, signed_headers, signature = found.groups()
    if key != access_key_id:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Error(403, "InvalidAccessKeyId", message, AWSAccessKeyId=key)
    signer = S3SigV4Auth(Credentials(key, secret_access_key), "s3", region)
    signed = _as_signed(request, signed_headers.split(";"))
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    if not hmac.compare_digest(signature, str(signer.signature(text, signed))):
        message = (
            "The request signature we calculated does not match the signature you provided."
            " Check your key and signing method."
        )
        raise S3Error(403, "SignatureDoesNotMatch", message, AWSAccessKeyId=key)


def _as_signed(request: Request, names: list[str]) -> AWSRequest:
    """The request as its sender signed it: with those headers, before any server changed it."""
    raw_path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"]
    url = f"http://{request.headers.get('host', '')}{(raw_path + b'?' + query).decode('latin-1')}"
    signed = AWSRequest(request.method, url)
    for name in names:
        for value in request.headers.getlist(name):
            signed.headers[name] = value
    signed.context["timestamp"] = request.headers.get("x-amz-date", "")
    return signed
