"""The sensor: each problem once, its end once, whoever is away, on both kinds of event log."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from support.alert_receivers import SECRET_PATH, MailServer, SlackServer, mail_server, slack_server

from polygon_assets.alerts.memory import MOST_WAITING, Memory
from polygon_assets.defs.platform import alerts as module
from polygon_assets.defs.platform.alerts import AlertsNotDeliveredError, alerts_sensor
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.resources.alerts import Alerts, alerts

MONDAY, FRIDAY = "2005-02-28", "2005-02-25"
NOW = 1_000_000.0


class World:
    """What the sensor looks at: two assets, one with checks, that do as they are told."""

    def __init__(self) -> None:
        self.fails, self.bad_checks = False, set[str]()
        self.severity = dg.AssetCheckSeverity.ERROR
        self.checks = ["complete", "schema_drift"]

        @dg.asset(key=["raw", "polygon", "bars"], partitions_def=NYSE_SESSIONS)
        def bars() -> None:
            if self.fails:
                raise dg.Failure("Airbyte job 7 failed: daily_bars: wrong <key>")

        specs = [dg.AssetCheckSpec(name, asset=bars.key) for name in self.checks]

        @dg.multi_asset_check(specs=specs, can_subset=True)
        def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
            for name in self.checks:
                yield dg.AssetCheckResult(
                    asset_key=bars.key,
                    check_name=name,
                    passed=name not in self.bad_checks,
                    severity=self.severity,
                    description=f"{name} says so.",
                )

        job = dg.define_asset_job("session", selection=[bars.key])
        self.defs = dg.Definitions(assets=[bars], asset_checks=[checks], jobs=[job])

    def run(self, instance: dg.DagsterInstance, session: str = MONDAY, **tags: str) -> None:
        self.defs.resolve_job_def("session").execute_in_process(
            partition_key=session, instance=instance, raise_on_error=False, tags=tags
        )


class Sensor:
    """The sensor with its cursor, as Dagster's daemon has it."""

    def __init__(self, instance: dg.DagsterInstance, resource: Alerts) -> None:
        self.instance, self.resource = instance, resource
        self.cursor: str | None = None
        self.reason = ""

    def tick(self) -> str:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"alerts": self.resource}
        )
        with context:
            found = alerts_sensor.evaluate_tick(context)
        self.cursor, self.reason = found.cursor, str(found.skip_message)
        return self.reason


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=["one database", "a database per run"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Event logs as in Dagster+ or Postgres, and as in the sandbox (SQLite)."""
    if request.param == "one database":
        with dg.DagsterInstance.ephemeral() as made:
            yield made
    else:
        with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
            yield made


@pytest.fixture
def memory_instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


def told_to(slack: SlackServer | None = None, mail: MailServer | None = None) -> Alerts:
    changes: dict[str, Any] = {"ui_url": "https://ui.test", "runbook_url": "https://runbook.test"}
    if slack:
        changes["slack_webhook_url"] = slack.url
    if mail:
        changes |= {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_security": "none"}
        changes |= {"mail_from": "p@example.com", "mail_to": "a@example.com"}
    return Alerts(**alerts().model_dump() | changes)


@pytest.fixture
def sensor(instance: dg.DagsterInstance, slack: SlackServer) -> Sensor:
    """Told to Slack from now on."""
    made = Sensor(instance, told_to(slack))
    assert "from now on" in made.tick()
    return made


def test_what_was_before_is_not_told(
    instance: dg.DagsterInstance, slack: SlackServer, world: World
) -> None:
    world.fails = True
    world.run(instance)
    late = Sensor(instance, told_to(slack))
    late.tick()
    assert late.tick() == "0 news; told: nobody"
    assert slack.requests == 0


def test_a_failed_run_is_told_once_and_its_end_once(
    sensor: Sensor, slack: SlackServer, world: World
) -> None:
    world.fails = True
    world.run(sensor.instance)
    run_id = sensor.instance.get_runs()[0].run_id
    assert sensor.tick() == "1 news; told: Slack"
    assert sensor.tick() == "0 news; told: nobody"
    world.run(sensor.instance)
    assert sensor.tick() == "0 news; told: nobody"
    (text,) = slack.texts
    title = f"Run failed: session, session {MONDAY}"
    assert text.startswith(f"*polygon local: 1 problem, {title}*\n")
    assert f"<https://ui.test/runs/{run_id}|{title}>" in text
    assert "Airbyte job 7 failed: daily_bars: wrong &lt;key&gt;" in text
    assert "<https://runbook.test#a-run-failed|what to do>" in text

    world.fails = False
    world.run(sensor.instance, FRIDAY)
    assert sensor.tick() == "0 news; told: nobody"
    world.run(sensor.instance)
    assert sensor.tick() == "1 news; told: Slack"
    world.run(sensor.instance)
    assert sensor.tick() == "0 news; told: nobody"
    assert slack.texts[1].startswith(f"*polygon local: 1 solved, {title}*\n🟢 ")


def test_a_failed_check_is_told_although_the_run_succeeds(
    sensor: Sensor, slack: SlackServer, world: World
) -> None:
    world.bad_checks = {"complete"}
    world.run(sensor.instance)
    assert sensor.instance.get_runs()[0].status == dg.DagsterRunStatus.SUCCESS
    assert sensor.tick() == "1 news; told: Slack"
    (text,) = slack.texts
    assert f"Check failed: complete of raw/polygon/bars, session {MONDAY}" in text
    assert "assets/raw/polygon/bars?view=checks&checkDetail=complete|" in text
    assert "complete says so. <https://runbook.test#rows-are-missing|what to do>" in text
    world.bad_checks = set()
    world.run(sensor.instance, FRIDAY)
    assert sensor.tick() == "0 news; told: nobody", "another session says nothing about this one"
    world.run(sensor.instance)
    assert sensor.tick() == "1 news; told: Slack"
    assert slack.texts[1].splitlines()[1].startswith("🟢")


def test_a_warning_is_not_told(sensor: Sensor, slack: SlackServer, world: World) -> None:
    world.bad_checks, world.severity = {"complete"}, dg.AssetCheckSeverity.WARN
    world.run(sensor.instance)
    assert sensor.tick() == "0 news; told: nobody"
    assert slack.requests == 0


def test_a_run_that_dagster_repeats_is_not_told(
    sensor: Sensor, slack: SlackServer, world: World
) -> None:
    world.fails = True
    world.run(sensor.instance, **{"dagster/will_retry": "true"})
    assert sensor.tick() == "0 news; told: nobody"
    assert slack.requests == 0


def test_many_problems_of_one_look_are_one_message(
    sensor: Sensor, slack: SlackServer, world: World
) -> None:
    world.bad_checks = {"complete", "schema_drift"}
    for session in (FRIDAY, MONDAY):
        world.run(sensor.instance, session)
    assert sensor.tick() == "4 news; told: Slack"
    (text,) = slack.texts
    assert text.startswith("*polygon local: 4 problems*\n")


def test_checks_outside_of_runs_and_freshness_are_told(sensor: Sensor, slack: SlackServer) -> None:
    key = dg.AssetKey(["kafka", "stocks", "agg_1s"])

    def look(passed: bool) -> None:
        evaluation = dg.AssetCheckEvaluation(key, "sink_keeps_up", passed, description="It waits.")
        sensor.instance.report_runless_asset_event(evaluation)

    def fresh(state: FreshnessState) -> None:
        change = FreshnessStateChange(
            key=key,
            new_state=state,
            previous_state=FreshnessState.PASS,
            state_change_timestamp=1.0,
        )
        sensor.instance._report_runless_asset_event(change)

    look(False)
    fresh(FreshnessState.WARN)
    assert sensor.tick() == "1 news; told: Slack"
    fresh(FreshnessState.FAIL)
    look(False)
    assert sensor.tick() == "1 news; told: Slack"
    fresh(FreshnessState.FAIL)
    assert sensor.tick() == "0 news; told: nobody"
    fresh(FreshnessState.PASS)
    look(True)
    assert sensor.tick() == "2 news; told: Slack"
    lag, stale, over = slack.texts
    assert "#the-sink-is-behind|" in lag
    assert "Not fresh: kafka/stocks/agg_1s" in stale
    assert "<https://ui.test/assets/kafka/stocks/agg_1s|" in stale
    assert over.startswith("*polygon local: 2 solved*")


def test_a_check_without_a_session_ends_what_was_about_one(
    sensor: Sensor, slack: SlackServer, world: World
) -> None:
    world.bad_checks = {"complete"}
    world.run(sensor.instance)
    assert sensor.tick() == "1 news; told: Slack"
    key = dg.AssetKey(["raw", "polygon", "bars"])
    sensor.instance.report_runless_asset_event(dg.AssetCheckEvaluation(key, "complete", True))
    assert sensor.tick() == "1 news; told: Slack"


def test_who_is_away_is_told_later_and_the_others_meanwhile(
    memory_instance: dg.DagsterInstance, slack: SlackServer, world: World
) -> None:
    with mail_server() as mail:
        both = Sensor(memory_instance, told_to(slack, mail))
        both.tick()
        slack.answers = [(500, "oops", {})] * 3
        world.bad_checks = {"complete"}
        world.run(memory_instance)
        assert both.tick().startswith("1 news; told: e-mail Slack answered 500 oops")
        with pytest.raises(AlertsNotDeliveredError, match=r"Slack answered 500.*1 notes wait"):
            both.tick()
        world.bad_checks = set()
        world.run(memory_instance)
        assert both.tick().startswith("1 news; told: e-mail Slack answered 500 oops")
        assert both.tick() == "0 news; told: Slack"
        assert both.tick() == "0 news; told: nobody"
        (text,) = slack.texts
        assert text.startswith("*polygon local: 1 problem, 1 solved*")
        assert [one["Subject"].split(": ")[1][:9] for one in mail.mails] == [
            "1 problem",
            "1 solved,",
        ]


def test_slack_is_left_alone_for_as_long_as_it_says(
    memory_instance: dg.DagsterInstance,
    slack: SlackServer,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr(module, "time", clock)
    sensor = Sensor(memory_instance, told_to(slack))
    sensor.tick()
    slack.answers = [(429, "rate_limited", {"Retry-After": "90"})]
    world.bad_checks = {"complete"}
    world.run(memory_instance)
    assert "wants to wait 90 s" in sensor.tick()
    clock.time = lambda: NOW + 89
    assert sensor.tick() == "0 news; told: nobody"
    assert slack.requests == 1
    clock.time = lambda: NOW + 91
    assert sensor.tick() == "0 news; told: Slack"


def test_what_waits_is_bounded_and_counted(
    memory_instance: dg.DagsterInstance, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = Sensor(memory_instance, told_to(slack))
    sensor.tick()
    slack.answers = [(500, "oops", {})]
    for number in range(MOST_WAITING + 3):
        evaluation = dg.AssetCheckEvaluation(dg.AssetKey(f"a{number}"), "complete", False)
        memory_instance.report_runless_asset_event(evaluation)
    sensor.tick()
    assert sensor.cursor is not None
    assert len(sensor.cursor) < 40_000
    assert sensor.tick() == "0 news; told: Slack"
    (text,) = slack.texts
    assert text.startswith(f"*polygon local: {MOST_WAITING + 3} problems*")


def test_with_nothing_set_it_only_says_so(
    memory_instance: dg.DagsterInstance, world: World
) -> None:
    silent = Sensor(memory_instance, alerts())
    assert "ALERT_SLACK_WEBHOOK_URL" in silent.tick()
    assert not silent.cursor


def test_a_branch_deployment_tells_nobody_unless_asked(
    memory_instance: dg.DagsterInstance, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYGON_DEPLOYMENT", "branch")
    monkeypatch.setenv("DAGSTER_CLOUD_PULL_REQUEST_ID", "7")
    sensor = Sensor(memory_instance, told_to(slack))
    assert "ALERT_BRANCH_DEPLOYMENTS" in sensor.tick()
    sensor.resource = Alerts(**told_to(slack).model_dump() | {"branch_deployments": True})
    assert "from now on" in sensor.tick()


def test_what_happened_while_nobody_was_told_is_not_told_later(
    memory_instance: dg.DagsterInstance, slack: SlackServer, world: World
) -> None:
    sensor = Sensor(memory_instance, told_to(slack))
    sensor.tick()
    sensor.resource = alerts()
    sensor.tick()
    world.fails = True
    world.run(memory_instance)
    sensor.resource = told_to(slack)
    assert "from now on" in sensor.tick()


def test_the_webhook_is_in_no_log_error_or_cursor(
    memory_instance: dg.DagsterInstance,
    world: World,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    webhook = f"http://127.0.0.1:1{SECRET_PATH}"
    away = Alerts(**alerts().model_dump() | {"slack_webhook_url": webhook})
    sensor = Sensor(memory_instance, away)
    sensor.tick()
    world.fails = True
    world.run(memory_instance)
    said = [sensor.tick(), str(sensor.cursor)]
    with pytest.raises(AlertsNotDeliveredError) as error:
        sensor.tick()
    said += [repr(error.value), repr(error.value.__cause__), caplog.text, *capfd.readouterr()]
    assert "Slack does not answer" in said[0]
    assert not [text for text in said if "ecretToken" in text or "T0SECRET" in text]


def test_an_unreadable_cursor_begins_anew() -> None:
    assert Memory.load("not json") is None
    assert Memory.load(json.dumps({"cursors": {}})) is None
    assert Memory.load(None) is None
