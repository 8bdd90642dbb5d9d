"""Error codes of the Kafka protocol, and the errors that end a connection or the start."""

import contextlib
import logging
from collections.abc import Generator
from enum import IntEnum
from pathlib import Path

logger = logging.getLogger(__name__)


class ErrorCode(IntEnum):
    """The codes that this broker answers with, by the protocol's own names."""

    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    MESSAGE_TOO_LARGE = 10
    OFFSET_METADATA_TOO_LARGE = 12
    INVALID_TOPIC_EXCEPTION = 17
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    INVALID_TIMESTAMP = 32
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REPLICA_ASSIGNMENT = 39
    INVALID_CONFIG = 40
    INVALID_REQUEST = 42
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    INVALID_PRODUCER_EPOCH = 47
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    KAFKA_STORAGE_ERROR = 56
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    MEMBER_ID_REQUIRED = 79
    FENCED_INSTANCE_ID = 82
    INVALID_RECORD = 87


class ProtocolError(Exception):
    """A request that cannot be answered: its connection is closed, with one log line."""


class RequestRefused(Exception):  # noqa: N818
    """A well-formed request that the broker does not carry out.

    Attributes:
        code: The protocol's error code of the answer.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn a failed write, as on a full disk, into the protocol's storage error and a log line."""
    try:
        yield
    except OSError as error:
        logger.error("cannot write %s: %s", path, error.strerror)
        raise RequestRefused(ErrorCode.KAFKA_STORAGE_ERROR, str(error)) from error
