"""Slack and e-mail: who is told of problems."""

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import EmailMessage
from http.client import HTTPException
from typing import Any, Protocol

import dagster as dg
from pydantic import Field

from polygon_assets.alerts.messages import Message
from polygon_assets.no_redirects import open_url
from polygon_assets.operation_settings import AlertSettings
from polygon_assets.settings import from_env

TIMEOUT_SECONDS = 10.0
TOO_MANY_REQUESTS = 429
WAIT_SECONDS = 60.0
"""Where a receiver that has too much to do does not say for how long."""


class NotDeliveredError(ConnectionError):
    """A receiver did not take a message; the text says why, and holds no secret.

    Attributes:
        retry_after: Seconds for which the receiver wants to be left alone; 0 = it does not say.
    """

    def __init__(self, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Receiver(Protocol):
    """Someone who is told."""

    @property
    def name(self) -> str:
        """Unique among the receivers."""
        ...

    def send(self, message: Message) -> str:
        """Tell it.

        Returns:
            What is wrong although it was told; mostly empty.

        Raises:
            NotDeliveredError: It did not take the message.
        """
        ...


@dataclass(frozen=True)
class Slack:
    """A channel of Slack, by its incoming webhook. Who knows the address may write there."""

    webhook_url: str
    name: str = "Slack"

    def __repr__(self) -> str:
        """Without the address."""
        return "Slack()"

    def send(self, message: Message) -> str:
        """Post one message.

        Raises:
            NotDeliveredError: Slack did not take it.
        """
        body = {"text": message.slack(), "unfurl_links": False, "unfurl_media": False}
        status, answer = self.post(body)
        if status != 200:
            raise NotDeliveredError(f"Slack answered {status} {answer}: {_SLACK_TODO}")
        return ""

    def post(self, body: dict[str, Any]) -> tuple[int, str]:
        """Send a body to the webhook.

        Returns:
            Status and text of Slack's answer.

        Raises:
            NotDeliveredError: Slack does not answer, or has too much to do.
        """
        try:
            request = urllib.request.Request(  # noqa: S310 - the address is the user's setting
                self.webhook_url,
                data=json.dumps(body).encode(),
                headers={"Content-Type": "application/json"},
            )
            with open_url(request, TIMEOUT_SECONDS) as found:
                return found.status, _line(found.read(200))
        except urllib.error.HTTPError as error:
            with error:
                answer, after = _line(error.read(200)), error.headers.get("Retry-After", "")
            if error.code == TOO_MANY_REQUESTS:
                wait = float(after) if after.isdigit() else WAIT_SECONDS
                text = f"Slack has too many messages and wants to wait {wait:.0f} s."
                raise NotDeliveredError(text, wait) from None
            return error.code, answer
        except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
            # Some of these hold the address.
            kind = type(getattr(error, "reason", error)).__name__
            raise NotDeliveredError(f"Slack does not answer ({kind}): {_SLACK_TODO}") from None


@dataclass(frozen=True)
class Mail:
    """E-mail to a few people, through a mail server."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    recipients: tuple[str, ...]
    name: str = "e-mail"

    def __repr__(self) -> str:
        """Without the password."""
        return f"Mail({self.host}:{self.port})"

    def send(self, message: Message) -> str:
        """Send one e-mail to all recipients.

        Returns:
            The recipients that the server refuses while it takes others: those are not told twice.

        Raises:
            NotDeliveredError: The server took it for nobody.
        """
        mail = EmailMessage()
        mail["Subject"] = _line(message.subject.encode())
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.mail())
        try:
            with self.connect() as server:
                refused = server.send_message(mail)
        except smtplib.SMTPException as error:
            raise NotDeliveredError(self._sentence(_words(error))) from None
        return self._sentence(f"refused {', '.join(sorted(refused))}") if refused else ""

    def connect(self) -> smtplib.SMTP:
        """A connection to the server, encrypted and logged in as the settings say.

        Raises:
            NotDeliveredError: The server does not answer, or refuses the encryption or the login.
        """
        tls = ssl.create_default_context()
        try:
            if self.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    self.host, self.port, timeout=TIMEOUT_SECONDS, context=tls
                )
            else:
                server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDeliveredError(
                self._sentence(
                    f"does not answer ({_words(error)}): check ALERT_SMTP_HOST, "
                    "ALERT_SMTP_PORT and ALERT_SMTP_SECURITY"
                )
            ) from None
        try:
            if self.security == "starttls":
                server.starttls(context=tls)
            if self.user:
                server.login(self.user, self.password)
        except (OSError, smtplib.SMTPException) as error:
            server.close()
            raise NotDeliveredError(
                self._sentence(
                    f"{_words(error)}: check ALERT_SMTP_USER, ALERT_SMTP_PASSWORD and "
                    "ALERT_SMTP_SECURITY"
                )
            ) from None
        return server

    def _sentence(self, what: str) -> str:
        return f"The mail server {self.host}:{self.port} {what}."


class Alerts(dg.ConfigurableResource[Any]):
    """Who is told of problems, and where messages link to."""

    slack_webhook_url: str = Field(
        repr=False, description="Slack's incoming webhook; empty = no Slack"
    )
    smtp_host: str = Field(description="Mail server; empty = no e-mail")
    smtp_port: int = Field(description="Port of the mail server")
    smtp_security: str = Field(description="starttls, tls or none")
    smtp_user: str = Field(description="User of the mail server; empty = no login")
    smtp_password: str = Field(repr=False, description="Password of the mail server")
    mail_from: str = Field(description="Sender of the e-mails")
    mail_to: str = Field(description="Who gets the e-mails, comma separated")
    ui_url: str = Field(description="Dagster's UI")
    runbook_url: str = Field(description="Address of the runbook; empty = its file is named")
    branch_deployments: bool = Field(description="Tell of branch deployments' problems, too")

    def receivers(self) -> list[Receiver]:
        """Everyone who is told.

        Raises:
            ValueError: A mail server is set without a sender or recipients.
        """
        found: list[Receiver] = []
        if self.slack_webhook_url:
            found.append(Slack(self.slack_webhook_url))
        if self.smtp_host:
            found.append(self._mail())
        return found

    def _mail(self) -> Mail:
        recipients = tuple(one.strip() for one in self.mail_to.split(",") if one.strip())
        if not recipients or not self.mail_from:
            raise ValueError(
                "ALERT_SMTP_HOST is set without ALERT_MAIL_FROM and ALERT_MAIL_TO: set both, or "
                "unset it."
            )
        return Mail(
            host=self.smtp_host,
            port=self.smtp_port,
            security=self.smtp_security,
            user=self.smtp_user,
            password=self.smtp_password,
            sender=self.mail_from,
            recipients=recipients,
        )


def alerts() -> Alerts:
    """The receivers that the environment names."""
    settings = AlertSettings()
    return Alerts(
        slack_webhook_url=from_env("ALERT_SLACK_WEBHOOK_URL", ""),
        smtp_host=settings.smtp_host,
        smtp_port=settings.smtp_port,
        smtp_security=settings.smtp_security,
        smtp_user=settings.smtp_user,
        smtp_password=from_env("ALERT_SMTP_PASSWORD", ""),
        mail_from=settings.mail_from,
        mail_to=settings.mail_to,
        ui_url=settings.ui_url,
        runbook_url=settings.runbook_url,
        branch_deployments=settings.branch_deployments,
    )


_SLACK_TODO = "check ALERT_SLACK_WEBHOOK_URL, or make another webhook in Slack"


def _line(text: bytes) -> str:
    return " ".join(text.decode(errors="replace").split())


def _words(error: Exception) -> str:
    """A mail error's own words; a server may repeat what it was told, a password is not in it."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refused the login ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"refused {', '.join(sorted(error.recipients))}"
    if isinstance(error, smtplib.SMTPResponseException):
        found = error.smtp_error
        return f"answered {error.smtp_code} {found if isinstance(found, str) else _line(found)}"
    return str(error) or type(error).__name__
