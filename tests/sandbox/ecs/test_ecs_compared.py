"""The sandbox's ECS, moto's and botocore's model of the API, call by call.

botocore's model says which members and values an answer may have; moto says which it usually has.
Where moto is known to leave AWS, the difference is listed with the reason. Everything else is the
same on both.
"""

from collections.abc import Iterator

import pytest
from ecs_calls import Recorder, paths, run_sequence, values, violations
from ecs_helpers import EcsServer, ecs_client, network
from moto.server import ThreadedMotoServer

pytestmark = pytest.mark.xdist_group("ecs_compared")

ONLY_OURS = {
    "createdAt": "moto keeps it and does not show it in the JSON of services and tasks",
    "registeredAt": "moto leaves it out",
    "deregisteredAt": "moto leaves it out",
    "startedAt": "moto leaves it out",
    "stoppedAt": "moto leaves it out",
    "stopCode": "moto leaves it out; AWS says who stopped a task",
    "deploymentConfiguration": "moto forgets what the service was created with",
    "networkConfiguration": "moto's DeleteService answers for the service that replaced ours",
    "cpu": "moto leaves out a task's cpu; a container's is compared",
    "memory": "moto leaves out a task's memory; a container's is compared",
    "failures[]": "moto answers nothing for a task that is missing; AWS says MISSING",
}
"""Member that the sandbox answers and moto does not -> why."""

ONLY_MOTO = {
    "platformFamily": "moto answers FARGATE, which is no platform family of AWS",
    "tags": "AWS answers tags on request only; the platform sets none",
    "taskSets": "of the EXTERNAL deployment controller, which the platform does not use",
    "attachments[]": "a task's network interface: a local process has none",
    "exitCode": "moto answers 0 while the container runs; AWS answers it when it has ended",
    "stoppedReason": "moto answers an empty text while the task runs",
}
"""Member that moto answers and the sandbox does not -> why."""

OTHER_ERRORS = {
    "stop no task": ("InvalidParameterException", "500", "moto breaks down"),
    "tasks of no service": ("ServiceNotFoundException", "", "moto ignores the name"),
    "create it twice": ("InvalidParameterException", "", "moto puts a new service in its place"),
    "delete while it runs": ("InvalidParameterException", "", "the new one has no tasks"),
}
"""Step -> error of the sandbox, of moto, and why."""

OTHER_VALUES = {
    "UpdateService.service.deployments[].desiredCount": "moto's deployments keep the first count",
    "DescribeServices.services[].deployments[].desiredCount": "the same",
    "UpdateService.service.status": "moto deleted it before, see above",
    "DeleteService.service.status": "moto is INACTIVE at once; AWS drains first",
}
"""Member whose values differ -> why."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, Recorder]]:
    """The same calls to the sandbox and to moto."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    subnet = ecs_client(url, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    server = EcsServer(tmp_path_factory.mktemp("compared")).start()
    found = (
        Recorder(ecs_client(server.url), network(subnet)),
        Recorder(ecs_client(url), network(subnet)),
    )
    for recorder in found:
        run_sequence(recorder)
    yield found
    moto.stop()
    assert server.stop() == 0


def test_our_answers_are_what_botocore_s_model_says(both: tuple[Recorder, Recorder]) -> None:
    ours, _ = both
    assert {name: one.problems for name, one in ours.answers.items() if one.problems} == {}
    assert len(ours.answers) > 35
    assert len({one.operation for one in ours.answers.values()}) == 17


def test_the_model_would_find_a_wrong_answer(both: tuple[Recorder, Recorder]) -> None:
    """The negative control."""
    ours, _ = both
    shape = ours.client.meta.service_model.operation_model("DescribeServices").output_shape
    service = {"status": 1, "desiredCount": "1", "launchType": "LAPTOP", "port": 1}
    found = set(violations({"services": [service]}, shape, "answer"))
    assert len(found) == 4


def test_errors_are_the_same(both: tuple[Recorder, Recorder]) -> None:
    ours, moto = both
    assert ours.answers.keys() == moto.answers.keys()
    different = {
        name: (one.error, moto.answers[name].error)
        for name, one in ours.answers.items()
        if one.error != moto.answers[name].error
    }
    assert different == {name: known[:2] for name, known in OTHER_ERRORS.items()}
    refused = [one for one in ours.answers.values() if one.error]
    assert len(refused) >= 14


def compared(both: tuple[Recorder, Recorder]) -> list[str]:
    """Steps that both answered."""
    ours, moto = both
    return [
        name for name, one in ours.answers.items() if not one.error and not moto.answers[name].error
    ]


def test_members_are_the_same(both: tuple[Recorder, Recorder]) -> None:
    sides: list[set[str]] = []
    for recorder in both:
        answers = [recorder.answers[name] for name in compared(both)]
        sides.append(set().union(*(paths(one.body, one.operation) for one in answers)))
    ours, moto = sides
    assert unexplained(ours - moto, ONLY_OURS) == []
    assert unexplained(moto - ours, ONLY_MOTO) == []
    # A reason that explains nothing any more has to go; some members show at some moments only.
    for reasons, paths_ in ((ONLY_OURS, ours - moto), (ONLY_MOTO, moto - ours)):
        used = {name for name in reasons for path in paths_ if name in path.split(".")}
        assert reasons.keys() - used <= {"stoppedAt", "exitCode"}


def unexplained(found: set[str], reasons: dict[str, str]) -> list[str]:
    return sorted(path for path in found if not reasons.keys() & set(path.split(".")))


def test_values_are_the_same(both: tuple[Recorder, Recorder]) -> None:
    ours, moto = both
    different: dict[str, object] = {}
    count = 0
    for name in compared(both):
        one, other = ours.answers[name], moto.answers[name]
        here, there = values(one.body, one.operation), values(other.body, other.operation)
        count += len(here.keys() & there.keys())
        different |= {
            path: (name, here[path], there[path])
            for path in here.keys() & there.keys()
            if here[path] != there[path]
        }
    assert different.keys() == OTHER_VALUES.keys(), different
    assert count > 80
