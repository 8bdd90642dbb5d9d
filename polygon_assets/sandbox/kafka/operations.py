"""What an account may do, in the way brokers tell it. This one has no ACLs: everything."""

from enum import IntEnum

NOT_ASKED_FOR = -(2**31)


class Operation(IntEnum):
    """Kafka's numbers of operations; each is a bit of the answer."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12


def bits(*operations: Operation) -> int:
    """Operations as one number."""
    return sum(1 << operation for operation in operations)


OF_TOPIC = bits(
    *(Operation.READ, Operation.WRITE, Operation.CREATE, Operation.DELETE, Operation.ALTER),
    *(Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS),
)
OF_GROUP = bits(Operation.READ, Operation.DELETE, Operation.DESCRIBE)
OF_CLUSTER = bits(
    *(Operation.CREATE, Operation.ALTER, Operation.DESCRIBE, Operation.CLUSTER_ACTION),
    *(Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS, Operation.IDEMPOTENT_WRITE),
)
