"""Which deployment this is, and every name that depends on it.

Pure: the environment's variables come in, names go out. No two deployments share a name that
they write to, and a name of a branch deployment tells the number of its pull request.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout: the folder with ``dbt_polygon`` and ``streaming``."""

_NUMBER = "[1-9][0-9]{0,8}"
"""A pull request's."""


class Deployment(Enum):
    """Where the code runs."""

    LOCAL = "local"
    BRANCH = "branch"
    PROD = "prod"


class DeploymentError(ValueError):
    """The variables that name the deployment are missing or wrong."""


@dataclass(frozen=True)
class Names:
    """Every database, topic and cluster of one deployment."""

    deployment: Deployment
    suffix: str
    """Added to the names of what this deployment writes: ``""`` in production."""

    def __post_init__(self) -> None:
        """Refuse a suffix that would give one deployment the names of another."""
        of_a_branch = re.fullmatch(f"_pr_{_NUMBER}", self.suffix) is not None
        fits = {
            Deployment.PROD: not self.suffix,
            Deployment.BRANCH: of_a_branch,
            Deployment.LOCAL: self.suffix.startswith("_") and not of_a_branch,
        }
        if not fits[self.deployment]:
            raise DeploymentError(
                f"{self.suffix!r} is no suffix for names of the deployment {self.deployment.value}."
            )

    @property
    def label(self) -> str:
        """``prod``, ``local`` or ``pr_12``: the deployment in query tags, logs and texts."""
        return self.suffix[1:] or self.deployment.value

    @property
    def snowflake_database(self) -> str:
        """The database with the schemas RAW, STAGING, INTERMEDIATE, MARTS, SNAPSHOTS, RECONCILE."""
        return f"POLYGON{self.suffix}".upper()

    @property
    def clickhouse_ticks(self) -> str:
        """The ClickHouse database of the second bars."""
        return f"ticks{self.suffix}"

    @property
    def clickhouse_rollups(self) -> str:
        """The ClickHouse database of the rollups."""
        return f"rollups{self.suffix}"

    @property
    def topic_prefix(self) -> str:
        """What the name of every Kafka topic begins with: ``""`` in production."""
        return f"{self.suffix[1:]}." if self.suffix else ""

    @property
    def bars_topic(self) -> str:
        """The topic of the second bars, one message per event, key = symbol."""
        return f"{self.topic_prefix}stocks.agg.1s"

    @property
    def gaps_topic(self) -> str:
        """The topic of the records of time without a connection."""
        return f"{self.topic_prefix}stocks.gaps"

    @property
    def dead_letter_topic(self) -> str:
        """The topic of the messages that could not be understood."""
        return f"{self.topic_prefix}stocks.dead_letter"

    @property
    def consumer_group(self) -> str:
        """The consumer group of the sink."""
        return f"{self.topic_prefix}sink"

    @property
    def ecs_cluster(self) -> str:
        """The ECS cluster of the producer and the sink."""
        return f"polygon{self.suffix}".replace("_", "-")

    @property
    def airbyte_database(self) -> str:
        """The database that Airbyte's syncs fill: ``""`` in a branch, where Airbyte is off."""
        return "" if self.is_branch else self.snowflake_database

    @property
    def most_producers(self) -> int:
        """Producers that may run: none in a branch, as the vendor allows an account one."""
        return 0 if self.is_branch else 1

    @property
    def is_branch(self) -> bool:
        """Whether this is the deployment of a pull request."""
        return self.deployment is Deployment.BRANCH

    @property
    def title_suffix(self) -> str:
        """Behind the title of a dashboard and the name of its connections."""
        return f" ({self.label})" if self.suffix else ""

    @property
    def slug_suffix(self) -> str:
        """Behind the last part of a dashboard's address."""
        return self.suffix.replace("_", "-")

    @property
    def pull_request(self) -> int:
        """The number of the pull request.

        Raises:
            DeploymentError: This is no branch deployment.
        """
        if not self.is_branch:
            raise DeploymentError(
                f"The deployment {self.label} is not that of a pull request: only a branch "
                "deployment is cloned or dropped."
            )
        return int(self.suffix.removeprefix("_pr_"))

    def require_own(self, kind: "Kind", name: str) -> None:
        """Refuse a name that is not one of this pull request's; ask before making or dropping it.

        Raises:
            DeploymentError: It is another deployment's, or no branch's at all.
        """
        if pull_request_of(kind, name) != self.pull_request:
            raise DeploymentError(
                f"{name!r} is no {kind} of pull request {self.pull_request}: it stays as it is."
            )


PROD = Names(Deployment.PROD, "")
"""What branch deployments are cloned from."""

# Whole names, and no others: what one of these does not match is never dropped.
_OF_A_BRANCH = {
    "snowflake database": rf"POLYGON_PR_({_NUMBER})",
    "clickhouse database": rf"(?:ticks|rollups)_pr_({_NUMBER})",
    "kafka topic": rf"pr_({_NUMBER})\.stocks\.[a-z0-9_.]+",
    "kafka group": rf"pr_({_NUMBER})\.sink",
    "ecs cluster": rf"polygon-pr-({_NUMBER})",
    "ecs family": rf"polygon-pr-({_NUMBER})-(?:producer|sink)",
    "dashboard": rf"[a-z-]+-pr-({_NUMBER})",
    "dashboard connection": rf"(?:ClickHouse|Snowflake) \(pr_({_NUMBER})\)",
}

Kind = Literal[
    "snowflake database",
    "clickhouse database",
    "kafka topic",
    "kafka group",
    "ecs cluster",
    "ecs family",
    "dashboard",
    "dashboard connection",
]
"""What a name is the name of."""


def branch_names(pull_request: int) -> Names:
    """The names of the branch deployment of a pull request.

    Raises:
        DeploymentError: That is no number of a pull request.
    """
    if not re.fullmatch(_NUMBER, str(pull_request)):
        raise DeploymentError(f"{pull_request!r} is no number of a pull request: give one from 1.")
    return Names(Deployment.BRANCH, f"_pr_{pull_request}")


def pull_request_of(kind: Kind, name: str) -> int | None:
    """The pull request to whose branch deployment a name belongs; None if to none.

    The opposite of :func:`branch_names`: what is not exactly like a branch's belongs to none.
    """
    found = re.fullmatch(_OF_A_BRANCH[kind], name)
    return int(found[1]) if found else None


def deployment_names(variables: Mapping[str, str] = os.environ) -> Names:
    """The names of the deployment that the environment describes.

    ``POLYGON_DEPLOYMENT`` (local, branch or prod) decides; without it Dagster+'s own variables
    do; with neither it is local. In a branch deployment of Dagster+ nothing can make it another.

    Raises:
        DeploymentError: An unknown deployment, a branch without a pull request number, or another
            deployment asked for than the one that Dagster+ runs.
    """
    in_dagster_plus = _from_dagster_plus(variables)
    asked = variables.get("POLYGON_DEPLOYMENT") or in_dagster_plus or "local"
    try:
        deployment = Deployment(asked)
    except ValueError:
        known = ", ".join(choice.value for choice in Deployment)
        raise DeploymentError(
            f"POLYGON_DEPLOYMENT is {asked!r}: set it to one of {known}, or unset it."
        ) from None
    if in_dagster_plus == "branch" and deployment is not Deployment.BRANCH:
        raise DeploymentError(
            f"POLYGON_DEPLOYMENT is {asked!r} in a branch deployment of Dagster+, which would then "
            "write to names that are not its own: unset it for branch deployments."
        )
    if deployment is Deployment.PROD:
        return PROD
    if deployment is Deployment.LOCAL:
        return Names(deployment, "_local")
    return branch_names(_pull_request(variables))


def _from_dagster_plus(variables: Mapping[str, str]) -> str:
    """``branch``, ``prod``, or nothing outside of Dagster+."""
    branch = variables.get("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "")
    if branch not in ("", "0", "1"):
        raise DeploymentError(
            f"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT is {branch!r}: Dagster+ sets it to 1 or not at "
            "all, so it cannot be told whether this is a branch deployment."
        )
    name = variables.get("DAGSTER_CLOUD_DEPLOYMENT_NAME", "")
    if branch == "1":
        return "branch"
    if name in ("", "prod") or variables.get("POLYGON_DEPLOYMENT"):
        return "prod" if name else ""
    raise DeploymentError(
        f"DAGSTER_CLOUD_DEPLOYMENT_NAME is {name!r}: only the deployment prod takes production's "
        "names by itself. Set POLYGON_DEPLOYMENT=prod where this one is production."
    )


def _pull_request(variables: Mapping[str, str]) -> int:
    number = variables.get("DAGSTER_CLOUD_PULL_REQUEST_ID", "")
    if not re.fullmatch(_NUMBER, number):
        raise DeploymentError(
            f"DAGSTER_CLOUD_PULL_REQUEST_ID is {number!r}: a branch deployment needs the number of "
            "its pull request to name its own databases and topics."
        )
    return int(number)
