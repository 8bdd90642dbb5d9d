"""What the producer subscribes to: read from settings, a file or S3, and checked before the start.

The vendor answers nothing to a topic that it does not know, so that a typing error would show only
as missing data.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from polygon_stream.settings import CHANNELS, StreamSettings

ALL = "*"
TOPICS_PER_MESSAGE = 500
"""Topics in one subscribe message, so that a long list of symbols is no giant message."""

_SYMBOL = re.compile(r"[A-Za-z0-9]+([./-][A-Za-z0-9]+)*")


class SubscriptionError(ValueError):
    """Subscriptions that cannot be meant so; the text names the first ones."""


def load_subscriptions(settings: StreamSettings) -> list[str]:
    """The subscriptions of the settings, in order.

    Raises:
        SubscriptionError: There is none, or one is wrong; or the file cannot be read.
    """
    if settings.channels_file:
        source = settings.channels_file
        topics = [line.partition("#")[0].strip() for line in _read(source).splitlines()]
    else:
        source = "POLYGON_STREAM_CHANNELS"
        topics = [name.strip() for name in settings.channels.split(",")]
    found = [topic for topic in topics if topic]
    problems = list(_problems(found))
    if not found:
        problems = ["there is none: give at least one, as in A.*"]
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise SubscriptionError(f"subscriptions of {source}: {'; '.join(problems[:5])}{more}")
    return found


def chunks(topics: Sequence[str]) -> Iterator[list[str]]:
    """The topics in messages of a bounded size."""
    for first in range(0, len(topics), TOPICS_PER_MESSAGE):
        yield list(topics[first : first + TOPICS_PER_MESSAGE])


def channels_of(topics: Sequence[str]) -> list[str]:
    """The channels that the topics are about, each once, in order."""
    return list(dict.fromkeys(topic.partition(".")[0] for topic in topics))


def shown(topics: Sequence[str], most: int = 20) -> str:
    """The topics as text, shortened where there are many."""
    more = f" and {len(topics) - most} more" if len(topics) > most else ""
    return ", ".join(topics[:most]) + more


def _problems(topics: Sequence[str]) -> Iterator[str]:
    """Sentences about what is wrong with the topics."""
    seen: set[str] = set()
    whole = {topic.partition(".")[0] for topic in topics if topic.endswith(f".{ALL}")}
    for topic in topics:
        channel, _, symbol = topic.partition(".")
        if channel not in CHANNELS:
            yield f"{topic!r} has an unknown channel: choose one of {', '.join(CHANNELS)}"
        elif symbol != ALL and not _SYMBOL.fullmatch(symbol):
            yield f"{topic!r} has no symbol: write it as in {channel}.BRK.B or {channel}.*"
        elif topic in seen:
            yield f"{topic!r} is there twice"
        elif symbol != ALL and channel in whole:
            yield f"{topic!r} is part of {channel}.*, which is there too: keep one of them"
        seen.add(topic)


def _read(source: str) -> str:
    """The text of a file or an S3 object.

    Raises:
        SubscriptionError: It cannot be read.
    """
    try:
        data = _read_s3(source) if source.startswith("s3://") else Path(source).read_bytes()
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SubscriptionError(f"POLYGON_STREAM_CHANNELS_FILE={source}: {error}") from error


def _read_s3(source: str) -> bytes:
    """An object's bytes, with the standard AWS variables.

    Raises:
        OSError: boto3 is not installed, or S3 does not give the object.
    """
    try:
        from boto3.session import Session
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise OSError("reading from S3 takes boto3: install polygon-stream[s3]") from error

    bucket, _, key = source.removeprefix("s3://").partition("/")
    try:
        # A session of its own: boto3's default one keeps the first credentials that it saw.
        client: Any = Session().client("s3")  # pyright: ignore[reportUnknownMemberType]
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError, ValueError) as error:
        raise OSError(str(error)) from error
