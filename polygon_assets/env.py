"""Which deployment this is, and every name that depends on it.

Pure: the environment's variables come in, names go out. No two deployments share a name that
they write to.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The checkout: the folder with ``dbt_polygon`` and ``streaming``."""


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


def deployment_names(variables: Mapping[str, str] = os.environ) -> Names:
    """The names of the deployment that the environment describes.

    ``POLYGON_DEPLOYMENT`` (local, branch or prod) decides; without it Dagster+'s own variables
    do; with neither it is local.

    Raises:
        DeploymentError: An unknown deployment, or a branch without a pull request number.
    """
    asked = variables.get("POLYGON_DEPLOYMENT") or _from_dagster_plus(variables)
    try:
        deployment = Deployment(asked)
    except ValueError:
        known = ", ".join(choice.value for choice in Deployment)
        raise DeploymentError(
            f"POLYGON_DEPLOYMENT is {asked!r}: set it to one of {known}, or unset it."
        ) from None
    if deployment is Deployment.PROD:
        return Names(deployment, "")
    if deployment is Deployment.LOCAL:
        return Names(deployment, "_local")
    return Names(deployment, f"_pr_{_pull_request(variables)}")


def _from_dagster_plus(variables: Mapping[str, str]) -> str:
    if variables.get("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT") == "1":
        return "branch"
    return "prod" if variables.get("DAGSTER_CLOUD_DEPLOYMENT_NAME") else "local"


def _pull_request(variables: Mapping[str, str]) -> str:
    number = variables.get("DAGSTER_CLOUD_PULL_REQUEST_ID", "")
    if not re.fullmatch(r"[0-9]+", number):
        raise DeploymentError(
            f"DAGSTER_CLOUD_PULL_REQUEST_ID is {number!r}: a branch deployment needs the number of "
            "its pull request to name its own databases and topics."
        )
    return number
