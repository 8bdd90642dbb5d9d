"""Kafka: the account, what it may do, and the topics.

The account is Dagster's. Producer and sink have their own, whose permissions only they can use: a
program that lacks one ends with a sentence in its log.
"""

from collections.abc import Collection, Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, libversion
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.cimpl import NewTopic
from polygon_stream.settings import KafkaSettings

from polygon_assets.doctor.findings import (
    ACCEPTED,
    Finding,
    Findings,
    ok,
    problem,
    reached,
    warning,
)
from polygon_assets.env import Names
from polygon_assets.preflight import KAFKA
from polygon_assets.topics import TopicChange, TopicsRefusedError, declared, plan

SECONDS = 10.0
NEEDED = {AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS}
"""What lag, counts and ``polygon topics apply --dry-run`` ask of a topic."""


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether the account may describe topics and the sink's group, and topics are as declared."""
    del probe  # Kafka says what an account may do, and what creating a topic would do
    if not (yield from reached(KAFKA)):
        return
    said: list[KafkaError] = []
    config: dict[str, Any] = {"log_level": 0, "error_cb": said.append}
    admin = AdminClient({**KafkaSettings().client_config(), **config})
    try:
        cluster = admin.describe_cluster(request_timeout=SECONDS).result(SECONDS)
    except (KafkaException, TimeoutError) as error:
        admin.poll(0)  # delivers what the client was told meanwhile
        yield _refused(error, said)
        return
    brokers = f"cluster {cluster.cluster_id}, {len(cluster.nodes)} brokers"
    yield ok(ACCEPTED, f"{brokers}; librdkafka {libversion()[0]}")
    topics = declared(names.topic_prefix)
    try:
        changes = plan(admin, topics, grow=False)
    except TopicsRefusedError as error:
        yield problem("topics", str(error), ".github/PRODUCTION.md, Kafka: access.")
        return
    yield from (_topic(change) for change in changes)
    present = [change.topic.name for change in changes if change.action != "create"]
    yield from _permissions(admin, present, names.consumer_group)
    yield _may_create(admin, f"{names.topic_prefix}stocks.doctor")


def _topic(change: TopicChange) -> Finding:
    name = f"topic {change.topic.name}"
    apply = "Run `polygon topics apply`."
    if change.action == "create":
        return problem(name, "It does not exist, or this account may not see it", apply)
    if change.action == "differs":
        todo = "More partitions move symbols, fewer cannot be had: .github/PRODUCTION.md, Kafka."
        return problem(name, "; ".join(change.details), todo)
    if change.action == "update":
        return warning(name, "; ".join(change.details), apply)
    return ok(name, f"{change.partitions} partitions, configured as declared")


def _permissions(admin: AdminClient, topics: list[str], group: str) -> Iterator[Finding]:
    if topics:
        described = admin.describe_topics(
            TopicCollection(topics), include_authorized_operations=True
        )
        lacking = {
            name: NEEDED - set(allowed)
            for name, future in described.items()
            if (allowed := future.result(SECONDS).authorized_operations) is not None
        }
        yield _permission("permissions on topics", {k: v for k, v in lacking.items() if v})
    try:
        found = admin.describe_consumer_groups([group], include_authorized_operations=True)
        allowed = found[group].result(SECONDS).authorized_operations
    except KafkaException as error:
        yield problem(
            f"group {group}",
            error.args[0].str(),
            f"Give the account DESCRIBE on the group {group}: .github/PRODUCTION.md, Kafka.",
        )
        return
    missing = {AclOperation.DESCRIBE} - set(allowed) if allowed is not None else set[Any]()
    yield _permission(f"permissions on group {group}", {group: missing} if missing else {})


def _permission(check: str, lacking: dict[str, Collection[Any]]) -> Finding:
    if not lacking:
        return ok(check, "all that Dagster needs")
    text = "; ".join(
        f"{name} lacks {', '.join(sorted(one.name for one in missing))}"
        for name, missing in lacking.items()
    )
    return problem(check, text, "Give Dagster's account these: .github/PRODUCTION.md, Kafka.")


def _may_create(admin: AdminClient, name: str) -> Finding:
    """Ask what creating a topic would do; nothing is created."""
    check = "may create topics"
    new = NewTopic(name, 1, -1)
    try:
        admin.create_topics([new], validate_only=True)[name].result(SECONDS)
    except KafkaException as error:
        todo = "Only `bootstrap` and `topics apply` need it: run them with an account that may."
        return warning(check, error.args[0].str(), todo)
    return ok(check, "asked without creating one")


def _refused(error: Exception, said: list[KafkaError]) -> Finding:
    """The first thing that the client was told is closer to the cause than its time-out."""
    reasons = [one.str() for one in said] or [str(error) or "it does not answer"]
    return problem(
        ACCEPTED,
        reasons[0],
        "Check KAFKA_SECURITY_PROTOCOL, KAFKA_API_KEY and KAFKA_API_SECRET.",
    )
