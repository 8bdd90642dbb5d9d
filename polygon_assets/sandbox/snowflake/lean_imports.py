"""Keep libraries out of the server that it never uses.

The connector imports pandas and boto3 where they are installed, and copes where they are not.
They would more than double the time from start to the first answer.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

UNUSED_LIBRARIES = frozenset({"pandas", "boto3", "botocore", "keyring"})


class _Absent(MetaPathFinder):
    """Answers for the unused libraries as if they were not installed."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in UNUSED_LIBRARIES:
            message = f"{fullname} is not used by the sandbox's Snowflake"
            raise ModuleNotFoundError(message, name=fullname)
        return None


def leave_out_unused_libraries() -> None:
    """Make this process import the connector without pandas, boto3 and keyring."""
    sys.meta_path.insert(0, _Absent())
