"""The calls that the platform makes, on the sandbox's ECS and on moto alike."""

import uuid

import pytest
from botocore.exceptions import ClientError
from ecs_helpers import EcsServer, definition, ecs_client, network
from moto.server import ThreadedMotoServer

SLEEP = ["python", "-c", "import time; time.sleep(60)"]


@pytest.fixture(scope="module", params=["sandbox", "moto"])
def ecs(request, tmp_path_factory):
    if request.param == "moto":
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        ecs = ecs_client(f"http://{host}:{port}")
        subnets = ecs_client(f"http://{host}:{port}", "ec2").describe_subnets()["Subnets"]
        ecs.network = network(subnets[0]["SubnetId"])
        yield ecs
        server.stop()
        return
    server = EcsServer(tmp_path_factory.mktemp("ecs")).start()
    ecs = ecs_client(server.url)
    ecs.network = network("subnet-1")
    yield ecs
    assert server.stop() == 0


@pytest.fixture
def cluster(ecs):
    name = f"c-{uuid.uuid4().hex[:8]}"
    ecs.create_cluster(clusterName=name)
    return name


@pytest.fixture
def family(ecs):
    name = f"f-{uuid.uuid4().hex[:8]}"
    ecs.register_task_definition(**definition(name, SLEEP))
    return name


def create_service(ecs, cluster, family, count=0, name="producer"):
    return ecs.create_service(
        cluster=cluster,
        serviceName=name,
        taskDefinition=family,
        desiredCount=count,
        launchType="FARGATE",
        networkConfiguration=ecs.network,
        deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 0},
    )["service"]


def test_clusters(ecs, cluster):
    assert ecs.create_cluster(clusterName=cluster)["cluster"]["clusterName"] == cluster
    answer = ecs.describe_clusters(clusters=[cluster, "nowhere"])
    assert [c["clusterName"] for c in answer["clusters"]] == [cluster]
    assert answer["clusters"][0]["status"] == "ACTIVE"
    assert answer["clusters"][0]["clusterArn"].endswith(f"cluster/{cluster}")
    assert [f["reason"] for f in answer["failures"]] == ["MISSING"]


def test_revisions_of_a_task_definition(ecs, family):
    second = ecs.register_task_definition(**definition(family, ["python", "-V"]))["taskDefinition"]
    assert second["revision"] == 2
    assert second["taskDefinitionArn"].endswith(f"task-definition/{family}:2")
    newest = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    first = ecs.describe_task_definition(taskDefinition=f"{family}:1")["taskDefinition"]
    assert newest["revision"] == 2
    assert newest["status"] == "ACTIVE"
    assert first["containerDefinitions"][0]["command"] == SLEEP
    with pytest.raises(ecs.exceptions.ClientException):
        ecs.describe_task_definition(taskDefinition="unknown")


def test_a_deregistered_definition_is_used_for_nothing_new(ecs, cluster, family):
    ecs.register_task_definition(**definition(family, SLEEP))
    create_service(ecs, cluster, f"{family}:1")
    ended = ecs.deregister_task_definition(taskDefinition=f"{family}:1")["taskDefinition"]
    assert (ended["revision"], ended["status"]) == (1, "INACTIVE")
    listed = ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]
    assert [arn.rpartition("/")[2] for arn in listed] == [f"{family}:2"]
    # The service that has it can still be scaled.
    ecs.update_service(cluster=cluster, service="producer", desiredCount=0)
    ecs.deregister_task_definition(taskDefinition=f"{family}:2")
    assert not ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]
    third = ecs.register_task_definition(**definition(family, SLEEP))["taskDefinition"]
    assert third["revision"] == 3
    with pytest.raises(ecs.exceptions.ClientException):
        ecs.deregister_task_definition(taskDefinition="unknown:1")


def test_a_deleted_cluster_is_gone(ecs, cluster):
    deleted = ecs.delete_cluster(cluster=cluster)["cluster"]
    assert (deleted["clusterName"], deleted["status"]) == (cluster, "INACTIVE")
    shown = ecs.describe_clusters(clusters=[cluster])["clusters"]
    assert [one["status"] for one in shown] in ([], ["INACTIVE"])
    assert ecs.create_cluster(clusterName=cluster)["cluster"]["status"] == "ACTIVE"
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.delete_cluster(cluster="nowhere")


def test_the_life_of_a_service(ecs, cluster, family):
    created = create_service(ecs, cluster, family)
    assert created["status"] == "ACTIVE"
    assert created["desiredCount"] == 0
    assert created["taskDefinition"].endswith(f"{family}:1")
    assert ecs.list_services(cluster=cluster)["serviceArns"] == [created["serviceArn"]]

    updated = ecs.update_service(cluster=cluster, service="producer", desiredCount=1)["service"]
    assert updated["desiredCount"] == 1
    by_arn = ecs.describe_services(cluster=cluster, services=[created["serviceArn"]])
    (shown,) = by_arn["services"]
    assert shown["desiredCount"] == 1
    assert shown["networkConfiguration"] == ecs.network
    assert shown["deployments"][0]["status"] == "PRIMARY"

    with pytest.raises(ecs.exceptions.InvalidParameterException):
        ecs.delete_service(cluster=cluster, service="producer")
    ecs.update_service(cluster=cluster, service="producer", desiredCount=0)
    ecs.delete_service(cluster=cluster, service="producer")
    for gone in ecs.describe_services(cluster=cluster, services=["producer"])["services"]:
        assert gone["status"] in ("DRAINING", "INACTIVE")


def test_a_missing_service_is_a_failure_when_described(ecs, cluster):
    answer = ecs.describe_services(cluster=cluster, services=["nothing"])
    assert answer["services"] == []
    assert answer["failures"][0]["reason"] == "MISSING"


def test_updating_what_does_not_exist(ecs, cluster, family):
    with pytest.raises(ecs.exceptions.ServiceNotFoundException):
        ecs.update_service(cluster=cluster, service="nothing", desiredCount=1)
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.update_service(cluster="nowhere", service="nothing", desiredCount=1)
    with pytest.raises(ecs.exceptions.ServiceNotFoundException):
        ecs.delete_service(cluster=cluster, service="nothing")
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.list_services(cluster="nowhere")


def test_the_life_of_a_task(ecs, cluster, family):
    answer = ecs.run_task(
        cluster=cluster,
        taskDefinition=family,
        launchType="FARGATE",
        networkConfiguration=ecs.network,
        startedBy="test",
    )
    (task,) = answer["tasks"]
    assert answer["failures"] == []
    arns = ecs.list_tasks(cluster=cluster, family=family, desiredStatus="RUNNING")["taskArns"]
    assert arns == [task["taskArn"]]
    assert ecs.list_tasks(cluster=cluster, startedBy="test")["taskArns"] == arns
    assert ecs.list_tasks(cluster=cluster, startedBy="other")["taskArns"] == []
    (shown,) = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    assert shown["taskDefinitionArn"].endswith(f"{family}:1")
    assert shown["startedBy"] == "test"

    stopped = ecs.stop_task(cluster=cluster, task=task["taskArn"], reason="enough")["task"]
    assert stopped["desiredStatus"] == "STOPPED"
    assert stopped["stoppedReason"] == "enough"
    running = ecs.list_tasks(cluster=cluster, family=family, desiredStatus="RUNNING")
    assert running["taskArns"] == []


def test_tasks_that_do_not_exist(ecs, cluster, family):
    run = {"taskDefinition": family, "launchType": "FARGATE", "networkConfiguration": ecs.network}
    ecs.run_task(cluster=cluster, **run)
    with pytest.raises((ecs.exceptions.ClientException, ecs.exceptions.InvalidParameterException)):
        ecs.run_task(cluster=cluster, taskDefinition="unknown")
    with pytest.raises(ClientError):
        ecs.stop_task(cluster=cluster, task="0" * 32)
    assert ecs.describe_tasks(cluster=cluster, tasks=["0" * 32])["tasks"] == []
