"""The variables of Dagster+, from the settings classes: which are set where, and which are secret.

python .ci/deploy/variables.py           prints the table
python .ci/deploy/variables.py --write   writes it into .github/DAGSTER_PLUS.md
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from polygon_assets.settings import ALL_SETTINGS

GUIDE = Path(__file__).resolve().parents[2] / ".github" / "DAGSTER_PLUS.md"
BEGIN, END = "<!-- variables: begin -->\n", "<!-- variables: end -->"

SANDBOX = re.compile(r"sandbox|127\.0\.0\.1|00000000-0000", re.IGNORECASE)
"""A default that reaches nothing but the sandbox."""

OFF_IN_BRANCHES = ("AIRBYTE_", "CONNECTOR_")
"""What a branch deployment does not have: its names have no database for Airbyte."""

ASKED_FOR_IN_BRANCHES = ("ALERT_", "FLAT_FILES_")
"""What nobody needs in a branch until somebody starts it there."""

ONLY_IN_PROD = ("BRANCH_MAX_AGE_DAYS",)
ONLY_IN_BRANCHES = ("BRANCH_SESSIONS", "ALERT_BRANCH_DEPLOYMENTS")

INSTEAD = {"SNOWFLAKE_PASSWORD": "SNOWFLAKE_PRIVATE_KEY"}
"""Variable -> another one that does as well."""

MUST, MAY, NOT = "set", "optional", ""


@dataclass(frozen=True)
class Variable:
    """One variable.

    Attributes:
        name: As the environment has it.
        is_secret: Whether its value may be seen by nobody.
        prod: Whether it must, may or need not be set for the full deployment.
        branches: The same for all branch deployments.
        example: A value as production may have it; empty for a secret.
    """

    name: str
    is_secret: bool
    prod: str
    branches: str
    example: str


def variables() -> Iterator[Variable]:
    """Every variable of the settings, in their order."""
    for settings in ALL_SETTINGS:
        prefix = settings.model_config.get("env_prefix") or ""
        for field, info in settings.model_fields.items():
            name = f"{prefix}{field}".upper()
            is_secret = info.annotation is SecretStr
            needed = MUST if SANDBOX.search(_plain(info.default)) else MAY
            off = name.startswith(OFF_IN_BRANCHES) or name in ONLY_IN_PROD
            yield Variable(
                name,
                is_secret,
                NOT if name in ONLY_IN_BRANCHES else needed,
                NOT if off else _in_branches(name, needed),
                "" if is_secret else _example(info),
            )


def missing_in_branches(given: Mapping[str, str]) -> list[str]:
    """What a branch deployment must have, and is not given."""
    needed = [one.name for one in variables() if one.branches == MUST]
    return [name for name in needed if not (given.get(name) or given.get(INSTEAD.get(name, "")))]


def _in_branches(name: str, needed: str) -> str:
    return MAY if name.startswith(ASKED_FOR_IN_BRANCHES) else needed


def _plain(default: Any) -> str:
    return str(default.get_secret_value() if isinstance(default, SecretStr) else default)


def _example(info: FieldInfo) -> str:
    examples = [str(one) for one in info.examples or [] if not str(one).startswith("(")]
    default = "" if SANDBOX.search(_plain(info.default)) else _plain(info.default)
    return examples[0] if examples else default


def table() -> str:
    """The table as Markdown."""
    lines = ["| variable | secret | prod | branches | example |", "|---|---|---|---|---|"]
    for one in variables():
        secret = "yes" if one.is_secret else ""
        instead = INSTEAD.get(one.name)
        example = f"`{one.example}`" if one.example else f"or `{instead}`" if instead else ""
        lines.append(f"| `{one.name}` | {secret} | {one.prod} | {one.branches} | {example} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The guide with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        GUIDE.write_text(with_table(GUIDE.read_text()))
    else:
        sys.stdout.write(table())
