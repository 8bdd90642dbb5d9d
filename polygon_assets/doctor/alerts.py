"""Who is told of problems: asked in a way that tells nobody anything."""

from polygon_assets.doctor.findings import SETTINGS, Finding, Findings, ok, problem, told, warning
from polygon_assets.env import Deployment, Names
from polygon_assets.resources.alerts import Mail, NotDeliveredError, Slack, alerts

NO_TEXT = 400
"""Slack's answer of a webhook that works to a message without a text."""


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether Slack knows the webhook, and the mail server lets us in."""
    del probe  # both answer without a message
    try:
        settings = alerts().process_config_and_initialize()
        receivers = settings.receivers()
    except ValueError as error:
        yield told(SETTINGS, error)
        return
    if not receivers:
        yield _nobody(names)
        return
    if names.is_branch and not settings.branch_deployments:
        yield ok(SETTINGS, "a branch deployment tells nobody without ALERT_BRANCH_DEPLOYMENTS")
    for receiver in receivers:
        if isinstance(receiver, Slack):
            yield _slack(receiver)
        elif isinstance(receiver, Mail):
            yield _mail(receiver)


def _nobody(names: Names) -> Finding:
    """Only production has to tell somebody; whoever works elsewhere looks at the UI."""
    if names.deployment is not Deployment.PROD:
        return ok(SETTINGS, f"nobody is told, as no receiver is set; {names.label} needs none")
    return warning(
        SETTINGS,
        "Nobody is told of problems",
        "Set ALERT_SLACK_WEBHOOK_URL, or ALERT_SMTP_HOST, ALERT_MAIL_FROM and ALERT_MAIL_TO.",
    )


def _slack(slack: Slack) -> Finding:
    try:
        status, answer = slack.post({})
    except NotDeliveredError as error:
        return told(slack.name, error)
    if status == NO_TEXT:
        return ok(slack.name, "it knows the webhook")
    return problem(slack.name, f"It answers {status} {answer}", "Check ALERT_SLACK_WEBHOOK_URL.")


def _mail(mail: Mail) -> Finding:
    try:
        mail.connect().quit()
    except NotDeliveredError as error:
        return told(mail.name, error)
    who = f"as {mail.user}" if mail.user else "without a login"
    return ok(mail.name, f"{mail.host}:{mail.port} lets us in {who}")
