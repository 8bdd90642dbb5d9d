"""The task definitions are what ECS accepts and what the programs understand."""

import json
import re
from string import Template

import pytest
from botocore.session import get_session
from botocore.validate import validate_parameters
from polygon_stream.settings import (
    ClickHouseSettings,
    KafkaSettings,
    LogSettings,
    PolygonSettings,
    SinkSettings,
    StreamSettings,
    TopicSettings,
)
from streaming_helpers import ROOT, start_program

SETTINGS = [
    ClickHouseSettings,
    KafkaSettings,
    LogSettings,
    PolygonSettings,
    SinkSettings,
    StreamSettings,
    TopicSettings,
]


def known_variables() -> set[str]:
    names: set[str] = set()
    for settings in SETTINGS:
        prefix = settings.model_config["env_prefix"]
        for name, field in settings.model_fields.items():
            alias = field.validation_alias
            names.add(alias.choices[0] if alias is not None else f"{prefix}{name}".upper())
    return names


@pytest.fixture(params=["producer", "sink"])
def template(request):
    return (ROOT / "streaming" / "ecs" / f"{request.param}.json").read_text()


def placeholders(template: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", template))


def resolved(template: str) -> dict:
    return json.loads(Template(template).substitute(dict.fromkeys(placeholders(template), "1")))


def test_a_definition_is_valid_for_aws(template):
    action = get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    validate_parameters(resolved(template), action.input_shape)
    (container,) = resolved(template)["containerDefinitions"]
    assert container["stopTimeout"] == 60
    assert container["healthCheck"]


def test_every_variable_of_a_definition_is_a_setting(template):
    (container,) = resolved(template)["containerDefinitions"]
    names = [entry["name"] for entry in container["environment"] + container["secrets"]]
    assert set(names) <= known_variables()
    assert len(names) == len(set(names))


def test_no_secret_is_plain_environment(template):
    (container,) = resolved(template)["containerDefinitions"]
    plain = {entry["name"] for entry in container["environment"]}
    assert not [name for name in plain if re.search("SECRET|PASSWORD|API_KEY|_USER$", name)]


def test_every_placeholder_is_documented(template):
    readme = (ROOT / "streaming" / "README.md").read_text()
    assert [name for name in placeholders(template) if f"${{{name}}}" not in readme] == []


@pytest.mark.slow
@pytest.mark.parametrize("program", ["producer", "sink"])
def test_without_kafka_a_program_ends_with_one_clear_sentence(program):
    environment = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    process = start_program("-m", f"polygon_stream.{program}", environment=environment)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 1
    assert b"Kafka at 127.0.0.1:1 did not provide the topics" in output
    assert b"Traceback" not in output
