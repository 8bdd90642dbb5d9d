"""Amazon resource names, and the short names inside them."""

import os

ACCOUNT = "000000000000"


def region() -> str:
    """The region that every ARN carries."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def arn(kind: str, *parts: str) -> str:
    """An ARN, as in ``arn:aws:ecs:us-east-1:000000000000:service/cluster/name``."""
    return f"arn:aws:ecs:{region()}:{ACCOUNT}:{kind}/" + "/".join(parts)


def short(name_or_arn: str) -> str:
    """The last part of an ARN; a plain name is returned as it is."""
    return name_or_arn.rpartition("/")[2] if name_or_arn.startswith("arn:") else name_or_arn
