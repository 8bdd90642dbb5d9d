"""Errors of the ECS API, under the names that boto3 turns into exceptions."""


class EcsError(Exception):
    """An error answer.

    Attributes:
        kind: Name of the error in the API, as in ``ClusterNotFoundException``.
        message: What was wrong.
    """

    def __init__(self, kind: str, message: str) -> None:
        """Describe the error."""
        super().__init__(message)
        self.kind = kind
        self.message = message


def client_error(message: str) -> EcsError:
    """The request cannot be done as it is."""
    return EcsError("ClientException", message)


def invalid_parameter(message: str) -> EcsError:
    """A parameter has no possible meaning."""
    return EcsError("InvalidParameterException", message)


def cluster_not_found() -> EcsError:
    """No cluster of that name."""
    return EcsError("ClusterNotFoundException", "Cluster not found.")


def cluster_contains(what: str) -> EcsError:
    """A cluster with services or tasks cannot be deleted."""
    return EcsError(
        f"ClusterContains{what}Exception",
        f"The Cluster cannot be deleted while {what} are active.",
    )


def service_not_found() -> EcsError:
    """No service of that name in the cluster."""
    return EcsError("ServiceNotFoundException", "Service not found.")


def service_not_active() -> EcsError:
    """The service was deleted."""
    return EcsError("ServiceNotActiveException", "Service was not ACTIVE.")


def unsupported(action: str) -> EcsError:
    """An action of the API that the sandbox does not have."""
    return EcsError(
        "UnknownOperationException", f"The sandbox's ECS does not support the action {action}."
    )
