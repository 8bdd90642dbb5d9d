"""The sensor that tells people of problems: failed runs, failed checks, assets that are not fresh.

A problem is told once, and its end once. Where a receiver is away, what it was not told waits for
it in the sensor's cursor and is told in one message; the others are told meanwhile.
"""

import time
from collections.abc import Sequence

import dagster as dg

from polygon_assets.alerts.events import newest, read
from polygon_assets.alerts.memory import Memory, Waiting
from polygon_assets.alerts.messages import RUNBOOK, Message
from polygon_assets.alerts.runbook import NOT_DELIVERED
from polygon_assets.env import deployment_names
from polygon_assets.policies import SENSOR_STATUS
from polygon_assets.resources.alerts import Alerts, NotDeliveredError, Receiver


class AlertsNotDeliveredError(RuntimeError):
    """A receiver still does not take what it should be told."""


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=60,
    default_status=SENSOR_STATUS,
    description="Tells Slack and e-mail of failed runs, failed ERROR checks and assets that are "
    "not fresh: each once, and its end once.",
)
def alerts_sensor(
    context: dg.SensorEvaluationContext, alerts: Alerts
) -> dg.SensorResult | dg.SkipReason:
    """Read what has happened since the last tick, and tell it.

    Raises:
        AlertsNotDeliveredError: Nothing is news, and a receiver that was away is away again: what
            it should be told waits in the cursor.
    """
    if reason := _nobody_is_told(alerts):
        # What happens meanwhile is not told later.
        if context.cursor:
            context.update_cursor("")
        return dg.SkipReason(reason)
    memory = Memory.load(context.cursor)
    if memory is None:
        memory = Memory(cursors=newest(context.instance))
        reason = "from now on problems are told; what was before is in the UI"
        return dg.SensorResult(cursor=memory.dump(), skip_reason=reason)
    receivers = alerts.receivers()
    changes, cursors = read(context.instance, memory.cursors)
    is_news = cursors != memory.cursors
    memory.cursors = cursors
    notes = memory.take(changes, [one.name for one in receivers])
    told, failures, must_wait = _tell(alerts, receivers, memory)
    for failure in failures:
        context.log.error(failure)
    if failures and not (is_news or told or must_wait):
        raise AlertsNotDeliveredError(f"{' '.join(failures)} See {RUNBOOK}#{NOT_DELIVERED}.")
    text = f"{len(notes)} news; told: {', '.join(told) or 'nobody'}"
    return dg.SensorResult(cursor=memory.dump(), skip_reason=" ".join([text, *failures]))


def _nobody_is_told(alerts: Alerts) -> str:
    """Why nobody is told; empty where somebody is."""
    if not (alerts.slack_webhook_url or alerts.smtp_host):
        return "nobody is told: set ALERT_SLACK_WEBHOOK_URL or ALERT_SMTP_HOST"
    if deployment_names().is_branch and not alerts.branch_deployments:
        return "a branch deployment tells nobody: set ALERT_BRANCH_DEPLOYMENTS"
    return ""


def _tell(
    alerts: Alerts, receivers: Sequence[Receiver], memory: Memory
) -> tuple[list[str], list[str], bool]:
    """Tell each receiver what waits for it.

    Returns:
        Who was told; a sentence for each who was not; whether one of them said until when to wait.
    """
    told, failures, must_wait = list[str](), list[str](), False
    now = time.time()
    for receiver in receivers:
        waiting = memory.waiting[receiver.name]
        if not waiting.notes or waiting.not_before > now:
            continue
        message = Message(
            deployment=deployment_names().label,
            notes=waiting.notes,
            left_out=waiting.left_out,
            ui_url=alerts.ui_url,
            runbook_url=alerts.runbook_url,
        )
        try:
            warning = receiver.send(message)
        except NotDeliveredError as error:
            failures.append(f"{error} {len(waiting.notes)} notes wait.")
            waiting.not_before = now + error.retry_after
            must_wait = must_wait or error.retry_after > 0
        else:
            memory.waiting[receiver.name] = Waiting()
            told.append(receiver.name)
            failures += [warning] if warning else []
    return told, failures, must_wait
