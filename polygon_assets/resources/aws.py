"""AWS's clients. boto3 and dagster-aws, which makes them, are imported at the first call."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from botocore.client import BaseClient


class AwsResource(dg.ConfigurableResource[Any]):
    """A service that speaks AWS's protocol, and how to reach it."""

    region_name: str = Field(description="Region")
    endpoint_url: str = Field(description="Address of the service")
    aws_access_key_id: str | None = Field(
        default=None, description="Key; None leaves it to boto3 (task role, profile)"
    )
    aws_secret_access_key: str | None = Field(
        repr=False, default=None, description="Secret of the key"
    )
    max_attempts: int = Field(default=5, description="Times that a call is sent at most")

    def service(self, name: str) -> "BaseClient":
        """boto3's client of a service, such as ``ecs``. Several threads may use one."""
        return _client(
            name,
            self.region_name,
            self.endpoint_url,
            self.aws_access_key_id,
            self.aws_secret_access_key,
            self.max_attempts,
        )


# To make a client takes longer than most calls, and a sensor needs one every half minute.
@lru_cache(maxsize=8)
def _client(
    name: str, region: str, endpoint: str, key: str | None, secret: str | None, attempts: int
) -> "BaseClient":
    from boto3.session import Session
    from dagster_aws.s3 import S3Resource
    from dagster_aws.utils import construct_boto_client_retry_config

    if name == "s3":
        # At an endpoint of its own, it addresses the bucket by path and signs with Signature V4.
        return S3Resource(
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            max_attempts=attempts,
        ).get_client()
    return Session().client(  # pyright: ignore[reportCallIssue]
        name,  # pyright: ignore[reportArgumentType]
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=construct_boto_client_retry_config(attempts),
    )
