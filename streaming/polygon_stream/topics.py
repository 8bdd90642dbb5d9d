"""Make sure that the topics exist before anything is written or read."""

from concurrent.futures import Future

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from polygon_stream.settings import KafkaSettings


class TopicsError(RuntimeError):
    """A topic is missing and could not be created, or the brokers did not answer."""


def ensure_topics(kafka: KafkaSettings, names: list[str], partitions: int) -> None:
    """Create the topics that do not exist. Existing ones are left as they are.

    Args:
        kafka: Where the brokers are.
        names: Topics that must exist.
        partitions: For topics that are created; replicas are the brokers' default.

    Raises:
        TopicsError: The brokers do not answer or refuse.
    """
    admin = AdminClient(kafka.client_config())
    try:
        existing = admin.list_topics(timeout=15).topics
        missing = [NewTopic(name, partitions) for name in names if name not in existing]
        created = admin.create_topics(missing) if missing else {}
        for name, future in created.items():
            _await_creation(admin, name, future)
    except KafkaException as error:
        raise TopicsError(
            f"Kafka at {kafka.bootstrap_servers} did not provide the topics {', '.join(names)}: "
            f"{error}. Is it running, and may this account create topics?"
        ) from error


def _await_creation(admin: AdminClient, name: str, creation: Future[None]) -> None:
    try:
        creation.result(15)
    except KafkaException:
        # Producer and sink start together: the other one may have been first.
        if name not in admin.list_topics(timeout=15).topics:
            raise
