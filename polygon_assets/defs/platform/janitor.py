"""The janitor: finds branch deployments that nobody needs any more, and drops them.

A deployment is dropped at the close of its pull request. Where that failed, or the request was
closed while nothing ran, its database and topics would stay, and cost, for ever. The janitor knows
of pull requests only what it is told: by age alone it needs no token for the repository.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from polygon_assets.defs.platform.drop import drop_clone
from polygon_assets.defs.platform.inventory import Clone, find_clones
from polygon_assets.env import Deployment, DeploymentError, deployment_names
from polygon_assets.operation_settings import BranchSettings
from polygon_assets.policies import LANE_TAG
from polygon_assets.resources.platform import platform

JUST_MADE = timedelta(hours=6)
"""A list of open pull requests may be older than the newest of them."""


class CloneNotDroppedError(RuntimeError):
    """Some clones could not be dropped; the others were."""


def clock() -> datetime:
    """The time, UTC: clones age by the clock on the wall, not by the market's."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a clone.

    Attributes:
        clone: The clone.
        reason: Why it is dropped; empty = it stays.
    """

    clone: Clone
    reason: str


def judge(
    clone: Clone, now: datetime, most_days: int, open_pull_requests: Collection[int] | None
) -> Verdict:
    """Decide about one clone.

    Args:
        clone: The clone as it was found.
        now: The time, UTC.
        most_days: Oldest age.
        open_pull_requests: Every open pull request; None where nobody told.
    """
    if clone.created_on is None:
        # A clone begins with its database, and ends with it.
        return Verdict(clone, "it has no Snowflake database: a drop did not end")
    age = now - clone.created_on
    if age > timedelta(days=most_days):
        return Verdict(clone, f"it is older than {most_days} days")
    is_closed = open_pull_requests is not None and clone.pull_request not in open_pull_requests
    if is_closed and age > JUST_MADE:
        return Verdict(clone, f"pull request {clone.pull_request} is not open")
    return Verdict(clone, "")


class JanitorConfig(dg.Config):
    """What the janitor is told."""

    dry_run: bool = Field(default=False, description="Only report what would be dropped")
    open_pull_requests: list[int] | None = Field(
        default=None,
        description="Every open pull request: clones of others are dropped. Without a list, age "
        "alone decides",
    )


@dg.op
def drop_leaked_clones(context: dg.OpExecutionContext, config: JanitorConfig) -> None:
    """Report every clone, and drop those that are too old or whose pull request is closed."""
    here = deployment_names()
    if here.deployment is not Deployment.PROD:
        raise DeploymentError(
            f"The janitor runs in the deployment prod, and this is {here.label}: what it finds "
            "belongs to other deployments."
        )
    systems = platform(here)
    days, now = BranchSettings().max_age_days, clock()
    verdicts = [
        judge(clone, now, days, config.open_pull_requests) for clone in find_clones(systems)
    ]
    context.add_output_metadata(_metadata(verdicts, now, dry_run=config.dry_run))
    if config.dry_run:
        return
    failed: list[str] = []
    for verdict in verdicts:
        if not verdict.reason:
            continue
        number = verdict.clone.pull_request
        context.log.info("pull request %d: dropped, as %s", number, verdict.reason)
        try:
            drop_clone(
                systems, verdict.clone, lambda kind, name: context.log.info("%s %s", kind, name)
            )
        except Exception as error:
            # One that cannot be dropped does not keep the others.
            context.log.exception("pull request %d could not be dropped", number)
            failed.append(f"pull request {number}: {error}")
    if failed:
        raise CloneNotDroppedError("; ".join(failed))


def _metadata(verdicts: list[Verdict], now: datetime, *, dry_run: bool) -> dict[str, Any]:
    records = [
        dg.TableRecord(
            {
                "pull_request": one.clone.pull_request,
                "age_days": _days(one.clone, now),
                "names": ", ".join(name for _, name in one.clone.names),
                "dropped_because": one.reason,
            }
        )
        for one in verdicts
    ]
    columns = [
        dg.TableColumn("pull_request", "int"),
        dg.TableColumn("age_days", "float"),
        dg.TableColumn("names", "string"),
        dg.TableColumn("dropped_because", "string"),
    ]
    return {
        "clones": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
        "clones_found": len(verdicts),
        "clones_to_drop": sum(bool(one.reason) for one in verdicts),
        "dry_run": dry_run,
    }


def _days(clone: Clone, now: datetime) -> float:
    """Age in days; -1 where it is not known."""
    if clone.created_on is None:
        return -1.0
    return round((now - clone.created_on) / timedelta(days=1), 1)


@dg.job(
    description="Drop branch deployments that nobody needs any more. In production only.",
    tags={LANE_TAG: "janitor"},
)
def janitor() -> None:
    """Drop branch deployments that nobody needs any more."""
    drop_leaked_clones()


janitor_nightly = dg.ScheduleDefinition(
    name="janitor_nightly",
    job=janitor,
    cron_schedule="15 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING
    if deployment_names().deployment is Deployment.PROD
    else dg.DefaultScheduleStatus.STOPPED,
    description="Every night, in production only: clones by age. Give the job the list of open "
    "pull requests to be exact.",
)
