"""The resource types that moto's CloudFormation lacks, made by calls of moto's other services."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from boto3.session import Session
from moto.cloudformation.parsing import get_model_map, get_name_type_map

REGION = "us-east-1"


@lru_cache(maxsize=1)
def _session() -> Session:
    """One for all clients: each has its own copy of what botocore knows about all of AWS."""
    return Session(region_name=REGION)


def client(service: str) -> Any:
    """A client of moto, whatever region the environment names."""
    return _session().client(service)


@dataclass
class Made:
    """A resource as moto's CloudFormation keeps it."""

    physical_resource_id: str
    type: str

    def is_created(self) -> bool:
        """The calls wait for nothing."""
        return True


def _secret(_: str, properties: dict[str, Any]) -> str:
    return client("secretsmanager").create_secret(**properties)["ARN"]


def _topic_policy(name: str, properties: dict[str, Any]) -> str:
    for topic in properties["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(properties["PolicyDocument"]),
        )
    return name


def _metric_filter(name: str, properties: dict[str, Any]) -> str:
    client("logs").put_metric_filter(filterName=name, **_lower_camel(properties))
    return name


def _alarm(name: str, properties: dict[str, Any]) -> str:
    client("cloudwatch").put_metric_alarm(**{"AlarmName": name} | properties)
    return name


def _provider(_: str, properties: dict[str, Any]) -> str:
    made = client("iam").create_open_id_connect_provider(
        Url=properties["Url"], ClientIDList=properties["ClientIdList"]
    )
    return made["OpenIDConnectProviderArn"]


_MAKERS: dict[str, tuple[str, Callable[[str, dict[str, Any]], str]]] = {
    "AWS::SecretsManager::Secret": ("Name", _secret),
    "AWS::SNS::TopicPolicy": ("", _topic_policy),
    "AWS::Logs::MetricFilter": ("", _metric_filter),
    # moto knows this one, and forgets its logical name.
    "AWS::IAM::OIDCProvider": ("", _provider),
    "AWS::CloudWatch::Alarm": ("AlarmName", _alarm),
}
"""Type -> the property that is its name, and what makes it."""


def teach_moto() -> None:
    """Let moto's CloudFormation make these types, too."""
    for kind, (name_property, make) in _MAKERS.items():
        get_model_map()[kind] = _model(kind, make)
        get_name_type_map()[kind] = name_property


def _model(kind: str, make: Callable[[str, dict[str, Any]], str]) -> Any:
    def create(name: str, resource: dict[str, Any], *_: object, **__: object) -> Made:
        return Made(make(name, resource["Properties"]), kind)

    return type(kind, (), {"create_from_cloudformation_json": staticmethod(create)})


def _lower_camel(value: Any) -> Any:
    """CloudWatch Logs writes its members so."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lower_camel(one) for key, one in value.items()}
    return [_lower_camel(one) for one in value] if isinstance(value, list) else value
