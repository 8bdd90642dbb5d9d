"""Slack and e-mail, against servers that speak their protocols; and that no secret gets out."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.alert_receivers import SECRET_PATH, mail_server, slack_server

from polygon_assets.alerts.events import Problem
from polygon_assets.alerts.memory import Note
from polygon_assets.alerts.messages import MOST_LINES, Message
from polygon_assets.resources.alerts import Alerts, Mail, NotDeliveredError, Slack, alerts

PASSWORD = "mail-password-that-nobody-sees"

PROBLEM = Problem(
    name="check complete of raw/polygon/daily_bars",
    title="Check failed: complete of raw/polygon/daily_bars",
    reason="Session 2005-02-28 <has> no rows & should.",
    path="/assets/raw/polygon/daily_bars?view=checks&checkDetail=complete",
    entry="rows-are-missing",
    first="2005-02-28",
    last="2005-02-28",
)


def message(*notes: Note, left_out: int = 0, runbook: str = "https://runbook.test/R.md") -> Message:
    return Message("prod", notes or (Note(problem=PROBLEM),), left_out, "https://ui.test/", runbook)


def mail(port: int, **changes: object) -> Mail:
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "user": "",
        "password": "",
        "sender": "polygon@example.com",
        "recipients": ("a@example.com", "b@example.com"),
    }
    return Mail(**settings | changes)  # type: ignore[arg-type]


def test_slack_gets_a_short_message_with_links_and_escaped_text() -> None:
    with slack_server() as slack:
        Slack(slack.url).send(message())
    (text,) = slack.texts
    assert text.splitlines() == [
        "*polygon prod: 1 problem, Check failed: complete of raw/polygon/daily_bars, "
        "session 2005-02-28*",
        "🔴 <https://ui.test/assets/raw/polygon/daily_bars?view=checks&checkDetail=complete|"
        "Check failed: complete of raw/polygon/daily_bars, session 2005-02-28> "
        "Session 2005-02-28 &lt;has&gt; no rows &amp; should. "
        "<https://runbook.test/R.md#rows-are-missing|what to do>",
    ]


def test_many_problems_are_one_message_that_counts_the_rest() -> None:
    many = [Note(problem=PROBLEM.model_copy(update={"name": str(n)})) for n in range(30)]
    solved = Note(problem=PROBLEM, over=True)
    with slack_server() as slack:
        Slack(slack.url).send(message(*many, solved, left_out=5, runbook=""))
    (text,) = slack.texts
    assert text.startswith("*polygon prod: 35 problems, 1 solved*\n")
    assert text.count("🔴") == MOST_LINES
    assert text.count("🟢") == 1
    assert text.endswith("and 25 more: https://ui.test/runs")
    assert "(.github/RUNBOOK.md#rows-are-missing)" in text
    assert len(text) < 4000


@pytest.mark.parametrize(
    ("status", "answer"),
    [(404, "no_service"), (403, "invalid_token"), (410, "channel_is_archived"), (500, "oops")],
)
def test_a_refusal_of_slack_is_named_without_the_webhook(status: int, answer: str) -> None:
    with slack_server() as slack:
        slack.answers = [(status, answer, {})]
        with pytest.raises(NotDeliveredError, match=f"{status} {answer}") as error:
            Slack(slack.url).send(message())
    assert "ALERT_SLACK_WEBHOOK_URL" in str(error.value)
    assert error.value.retry_after == 0


def test_slack_says_how_long_to_wait() -> None:
    with slack_server() as slack:
        slack.answers = [(429, "rate_limited", {"Retry-After": "17"}), (429, "rate_limited", {})]
        for seconds in (17, 60):
            with pytest.raises(NotDeliveredError, match=f"wait {seconds} s") as error:
                Slack(slack.url).send(message())
            assert error.value.retry_after == seconds


def test_slack_follows_no_redirect() -> None:
    with slack_server() as slack:
        slack.answers = [(302, "", {"Location": slack.url})]
        with pytest.raises(NotDeliveredError, match="302"):
            Slack(slack.url).send(message())
        assert slack.requests == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://no host", "nonsense:", "x"])
def test_a_webhook_that_does_not_answer_is_never_shown(address: str) -> None:
    slack = Slack(f"{address}{SECRET_PATH}")
    with pytest.raises(NotDeliveredError, match="Slack does not answer") as error:
        slack.send(message())
    assert "ecret" not in f"{error.value!r} {slack!r} {error.value.__cause__!r}"
    assert error.value.__suppress_context__


def test_an_email_says_the_same_in_plain_text() -> None:
    solved = Note(problem=PROBLEM.model_copy(update={"reason": ""}), over=True)
    with mail_server() as server:
        mail(server.port).send(message(Note(problem=PROBLEM), solved))
    (taken,) = server.mails
    assert taken["Subject"] == "polygon prod: 1 problem, 1 solved"
    assert taken["To"] == "a@example.com, b@example.com"
    assert taken["Auto-Submitted"] == "auto-generated"
    assert taken.get_content().splitlines() == [  # type: ignore[attr-defined]
        "PROBLEM: Check failed: complete of raw/polygon/daily_bars, session 2005-02-28",
        "  Session 2005-02-28 <has> no rows & should.",
        "  https://ui.test/assets/raw/polygon/daily_bars?view=checks&checkDetail=complete",
        "  What to do: https://runbook.test/R.md#rows-are-missing",
        "",
        "SOLVED: Check failed: complete of raw/polygon/daily_bars, session 2005-02-28",
        "  https://ui.test/assets/raw/polygon/daily_bars?view=checks&checkDetail=complete",
    ]


def test_a_line_break_in_a_title_is_no_header() -> None:
    evil = PROBLEM.model_copy(update={"title": "Run failed: x\r\nBcc: everybody@example.com"})
    with mail_server() as server:
        mail(server.port).send(message(Note(problem=evil)))
    assert server.mails[0]["Bcc"] is None


def test_refused_recipients_and_a_busy_server_are_named() -> None:
    with mail_server(refuses={"b@example.com"}) as server:
        assert "refused b@example.com" in mail(server.port).send(message())
        assert len(server.mails) == 1, "the other one got it"
    nobody = {"a@example.com", "b@example.com"}
    with (
        mail_server(refuses=nobody) as server,
        pytest.raises(NotDeliveredError, match=r"a@example.com, b@example.com"),
    ):
        mail(server.port).send(message())
    with mail_server(busy=True) as server, pytest.raises(NotDeliveredError, match="421"):
        mail(server.port).send(message())


def test_a_wrong_password_is_not_repeated_although_the_server_does() -> None:
    with mail_server(password="another one") as server:
        receiver = mail(server.port, user="polygon", password=PASSWORD)
        with pytest.raises(NotDeliveredError, match="refused the login") as error:
            receiver.send(message())
    assert PASSWORD not in f"{error.value!r} {receiver!r}"
    assert "ALERT_SMTP_PASSWORD" in str(error.value)


def test_a_mail_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(NotDeliveredError, match=r"127.0.0.1:1 does not answer.*ALERT_SMTP_HOST"):
        mail(1).send(message())


def test_no_password_is_sent_where_the_server_offers_no_encryption() -> None:
    with mail_server(password=PASSWORD) as server:
        receiver = mail(server.port, user="polygon", password=PASSWORD, security="starttls")
        with pytest.raises(NotDeliveredError, match="STARTTLS"):
            receiver.send(message())
        assert server.logins == []


def test_encryption_needs_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificate_of_this_machine(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with mail_server(password=PASSWORD, tls=tls) as server:
        receiver = mail(server.port, user="polygon", password=PASSWORD, security="starttls")
        with pytest.raises(NotDeliveredError, match="certificate"):
            receiver.send(message())
        assert server.logins == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        receiver.send(message())
        assert server.logins == [(PASSWORD, True)]
        assert len(server.mails) == 1


def test_a_mail_server_without_recipients_is_a_sentence() -> None:
    half = {"smtp_host": "mail", "mail_from": "a@example.com"}
    settings = Alerts(**alerts().model_dump() | half)
    with pytest.raises(ValueError, match="ALERT_MAIL_TO"):
        settings.receivers()


def test_with_nothing_set_nobody_is_told() -> None:
    assert alerts().receivers() == []


def test_secrets_are_references_to_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_SLACK_WEBHOOK_URL", f"https://hooks.slack.com{SECRET_PATH}")
    monkeypatch.setenv("ALERT_SMTP_PASSWORD", PASSWORD)
    made: Alerts = alerts()
    assert "ecret" not in repr(made)
    assert PASSWORD not in repr(made)


def certificate_of_this_machine(folder: Path) -> Path:
    """A certificate of 127.0.0.1 that it signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = made.public_bytes(pem) + key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(text)
    return path
