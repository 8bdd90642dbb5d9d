"""What only the sandbox's ECS does: tasks are processes of this machine."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from ecs_helpers import EcsServer, definition, ecs_client, process_exists, wait_until

CLUSTER = "local"
SECRET = "arn:aws:secretsmanager:us-east-1:1:secret:the-secret"


@pytest.fixture
def server(tmp_path):
    server = EcsServer(tmp_path / "data", THE_SECRET="from the server").start()
    server.client = ecs_client(server.url)
    server.client.create_cluster(clusterName=CLUSTER)
    yield server
    server.stop()


def mark_and_sleep(folder: Path, ending: str = "time.sleep(60)") -> list[str]:
    """A program that leaves a file named like its process id."""
    start = f"import os, time, pathlib; pathlib.Path({str(folder)!r}, str(os.getpid())).touch(); "
    return ["python", "-c", start + ending]


def pids(folder: Path) -> list[int]:
    return [int(file.name) for file in folder.iterdir()]


def alive(folder: Path) -> list[int]:
    return [pid for pid in pids(folder) if process_exists(pid)]


def started(folder: Path) -> set[int]:
    """Processes of the program, those too that have not come to leave their file yet."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


@pytest.fixture
def marks(tmp_path):
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def service(server, command, count=1, maximum=100, minimum=0, **container):
    server.client.register_task_definition(**definition("program", command, **container))
    server.client.create_service(
        cluster=CLUSTER,
        serviceName="program",
        taskDefinition="program",
        desiredCount=count,
        deploymentConfiguration={"maximumPercent": maximum, "minimumHealthyPercent": minimum},
    )


def described(server) -> dict:
    return server.client.describe_services(cluster=CLUSTER, services=["program"])["services"][0]


def scale(server, count: int) -> None:
    server.client.update_service(cluster=CLUSTER, service="program", desiredCount=count)


def test_the_desired_count_is_kept(server, marks):
    service(server, mark_and_sleep(marks))
    wait_until(lambda: len(alive(marks)) == 1)
    assert wait_until(lambda: described(server)["runningCount"] == 1)
    arns = server.client.list_tasks(cluster=CLUSTER, serviceName="program")["taskArns"]
    assert len(arns) == 1
    scale(server, 3)
    wait_until(lambda: len(alive(marks)) == 3)
    scale(server, 0)
    wait_until(lambda: not alive(marks))
    assert wait_until(lambda: described(server)["runningCount"] == 0)


def test_a_crashed_task_is_started_again_with_growing_waits(server, marks):
    service(server, mark_and_sleep(marks, "os._exit(3)"))
    wait_until(lambda: len(pids(marks)) >= 3)
    at = sorted(file.stat().st_mtime for file in marks.iterdir())
    assert at[1] - at[0] >= 0.5
    assert at[2] - at[1] >= 1.0
    stopped = server.client.list_tasks(
        cluster=CLUSTER, serviceName="program", desiredStatus="STOPPED"
    )["taskArns"]
    task = server.client.describe_tasks(cluster=CLUSTER, tasks=stopped[:1])["tasks"][0]
    assert task["containers"][0]["exitCode"] == 3
    assert task["stopCode"] == "EssentialContainerExited"


SLOW_END = (
    "import signal; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(3), os._exit(0))); "
    "time.sleep(60)"
)


def ready_to_stop(pid: int) -> bool:
    """Whether the program has put its handler in place."""
    caught = next(
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigCgt" in line
    )
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_stopping_task_does_not_count_as_in_aws(server, marks):
    """A hundred percent limits tasks that run or are pending, not one that is slow to end."""
    service(server, mark_and_sleep(marks, SLOW_END))
    (first,) = wait_until(lambda: alive(marks))
    wait_until(lambda: ready_to_stop(first))
    server.client.update_service(cluster=CLUSTER, service="program", forceNewDeployment=True)
    wait_until(lambda: len(alive(marks)) == 2)
    statuses = {task["lastStatus"] for task in every_task(server)}
    assert statuses <= {"RUNNING", "STOPPING"}
    assert described(server)["runningCount"] == 1
    wait_until(lambda: len(alive(marks)) == 1)
    assert alive(marks) != [first]
    wait_until(lambda: described(server)["deployments"][0]["rolloutState"] == "COMPLETED")


def every_task(server) -> list[dict]:
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in server.client.list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"]
    ]
    return server.client.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []


def test_a_slow_ecs_shows_every_state(tmp_path, marks):
    slow = ("--pending-seconds", "1", "--deprovisioning-seconds", "1")
    server = EcsServer(tmp_path / "data", *slow).start()
    server.client = ecs_client(server.url)
    server.client.create_cluster(clusterName=CLUSTER)
    try:
        service(server, mark_and_sleep(marks, SLOW_END))
        seen: list[str] = []

        def states_until(wanted: str) -> bool:
            for task in every_task(server):
                state = task["lastStatus"]
                if state not in seen:
                    seen.append(state)
            return wanted in seen

        wait_until(lambda: states_until("RUNNING"))
        (pid,) = wait_until(lambda: pids(marks))
        wait_until(lambda: ready_to_stop(pid))
        scale(server, 0)
        wait_until(lambda: states_until("STOPPED"))
        assert seen == ["PENDING", "RUNNING", "STOPPING", "DEPROVISIONING", "STOPPED"]
        # What is taken back while it is pending never starts.
        scale(server, 1)
        wait_until(lambda: described(server)["pendingCount"] == 1)
        scale(server, 0)
        wait_until(lambda: all(one["lastStatus"] == "STOPPED" for one in every_task(server)))
        assert pids(marks) == [pid]
    finally:
        server.stop()


def test_a_rolling_deployment_keeps_one_running(server, marks):
    service(server, mark_and_sleep(marks), maximum=200, minimum=100)
    wait_until(lambda: alive(marks))
    server.client.register_task_definition(**definition("program", mark_and_sleep(marks)))
    server.client.update_service(cluster=CLUSTER, service="program", taskDefinition="program")
    least = 1
    deadline = time.time() + 10
    while len(described(server)["deployments"]) > 1 and time.time() < deadline:
        least = min(least, len(started(marks)))
        time.sleep(0.02)
    assert least == 1
    assert described(server)["taskDefinition"].endswith("program:2")
    wait_until(lambda: len(alive(marks)) == 1)


def test_a_task_that_ignores_sigterm_is_killed_after_its_stop_timeout(server, marks):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    service(server, mark_and_sleep(marks, deaf), stopTimeout=1)
    wait_until(lambda: alive(marks))
    time.sleep(0.3)
    began = time.time()
    scale(server, 0)
    wait_until(lambda: not alive(marks))
    assert 0.9 < time.time() - began < 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_task_survives_the_server_and_services_come_back(server, marks, number):
    service(server, mark_and_sleep(marks))
    wait_until(lambda: alive(marks))
    code = server.stop(number)
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not alive(marks), 5)
    server.start()
    wait_until(lambda: alive(marks))
    assert described(server)["desiredCount"] == 1


def test_the_environment_of_a_task(server, tmp_path):
    target = tmp_path / "environment.json"
    program = f"import os, json; json.dump(dict(os.environ), open({str(target)!r}, 'w'))"
    server.client.register_task_definition(
        **definition(
            "program",
            ["python", "-c", program],
            environment=[{"name": "OWN", "value": "1"}, {"name": "BOTH", "value": "definition"}],
            secrets=[
                {"name": "KEY", "valueFrom": f"{SECRET}:THE_SECRET::"},
                {"name": "NONE", "valueFrom": f"{SECRET}:NOT_SET::"},
            ],
        )
    )
    override = {"name": "main", "environment": [{"name": "BOTH", "value": "override"}]}
    (task,) = server.client.run_task(
        cluster=CLUSTER, taskDefinition="program", overrides={"containerOverrides": [override]}
    )["tasks"]
    wait_until(target.exists)
    server.client.get_waiter("tasks_stopped").wait(
        cluster=CLUSTER, tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    environment = json.loads(target.read_text())
    assert environment["OWN"] == "1"
    assert environment["BOTH"] == "override"
    assert environment["KEY"] == "from the server"
    assert "NONE" not in environment
    assert "THE_SECRET" in environment


def test_a_secret_that_the_sandbox_does_not_know_is_refused(server):
    other = [{"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:1:parameter/x/THE_SECRET"}]
    server.client.register_task_definition(**definition("program", ["python"], secrets=other))
    with pytest.raises(ClientError, match="is not a JSON key of a secret"):
        server.client.run_task(cluster=CLUSTER, taskDefinition="program")


def test_output_goes_to_the_log_of_the_task(server):
    server.client.register_task_definition(**definition("program", ["python", "-c", "print(12)"]))
    (task,) = server.client.run_task(cluster=CLUSTER, taskDefinition="program")["tasks"]
    task_id = task["taskArn"].rpartition("/")[2]
    log = server.folder / "logs" / f"program-{task_id}.log"
    wait_until(lambda: log.exists() and log.read_text() == "12\n")


def test_what_moto_leaves_out(server):
    service(server, ["python", "-c", "1"], count=0, maximum=150, minimum=50)
    configuration = described(server)["deploymentConfiguration"]
    assert configuration == {"maximumPercent": 150, "minimumHealthyPercent": 50}
    missing = server.client.describe_tasks(cluster=CLUSTER, tasks=["0" * 32])["failures"]
    assert missing[0]["reason"] == "MISSING"


def test_the_same_client_token_runs_one_task(server):
    server.client.register_task_definition(**definition("program", ["python", "-c", "1"]))
    arns = {
        server.client.run_task(cluster=CLUSTER, taskDefinition="program", clientToken="session-1")[
            "tasks"
        ][0]["taskArn"]
        for _ in range(2)
    }
    assert len(arns) == 1


def test_services_are_listed_in_pages(server):
    server.client.register_task_definition(**definition("program", ["python", "-c", "1"]))
    for number in range(12):
        server.client.create_service(
            cluster=CLUSTER, serviceName=f"s{number}", taskDefinition="program", desiredCount=0
        )
    assert len(server.client.list_services(cluster=CLUSTER)["serviceArns"]) == 10
    pages = server.client.get_paginator("list_services").paginate(cluster=CLUSTER)
    assert sum(len(page["serviceArns"]) for page in pages) == 12


def test_a_cluster_with_services_or_tasks_is_not_deleted(server, marks):
    stays = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    command = mark_and_sleep(marks, stays)
    server.client.create_cluster(clusterName="full")
    server.client.register_task_definition(**definition("full", command, stopTimeout=2))
    server.client.create_service(
        cluster="full", serviceName="sink", taskDefinition="full", desiredCount=1
    )
    refused = server.client.exceptions
    with pytest.raises(refused.ClusterContainsServicesException, match="while Services are active"):
        server.client.delete_cluster(cluster="full")
    wait_until(lambda: alive(marks))
    time.sleep(0.3)  # until it ignores the signal
    server.client.delete_service(cluster="full", service="sink", force=True)
    with pytest.raises(refused.ClusterContainsTasksException, match="while Tasks are active"):
        server.client.delete_cluster(cluster="full")
    wait_until(lambda: delete(server.client, "full"))
    assert "full" not in str(server.client.list_clusters()["clusterArns"])


def delete(client, cluster):
    try:
        return client.delete_cluster(cluster=cluster)["cluster"]["status"] == "INACTIVE"
    except client.exceptions.ClusterContainsTasksException:
        return False


def test_what_is_not_supported_says_so(server):
    with pytest.raises(ClientError, match="does not support the action ListAccountSettings"):
        server.client.list_account_settings()
    with pytest.raises(ClientError, match="one container"):
        server.client.register_task_definition(
            family="two", containerDefinitions=[{"name": "a"}, {"name": "b"}]
        )
    server.client.register_task_definition(family="image", containerDefinitions=[{"name": "a"}])
    with pytest.raises(ClientError, match="runs commands, not images"):
        server.client.run_task(cluster=CLUSTER, taskDefinition="image")


def test_a_second_server_on_the_same_port_or_directory_says_so(server, tmp_path):
    other = EcsServer(tmp_path / "other")
    other.port = server.port
    for command in (other.command(), EcsServer(server.folder).command()):
        run = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert run.returncode == 1
        assert len(run.stderr.strip().splitlines()) == 1
        assert "choose another one with" in run.stderr
