"""The CDK's standard tests: spec, check, discover, read, bad catalog."""

from typing import ClassVar

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase
from simulator import Simulator

from source_polygon.run import SourcePolygon


class TestSourcePolygon(SourceTestSuiteBase):
    """The scenarios of acceptance-test-config.yml, against the simulated vendor."""

    address: ClassVar[str] = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _vendor(cls, simulator: Simulator) -> None:
        cls.address = simulator.url

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourcePolygon:
        if scenario is None:
            return SourcePolygon()
        config = scenario.get_config_dict(
            connector_root=cls.get_connector_root_dir(), empty_if_missing=True
        )
        return SourcePolygon(config={**config, "base_url": cls.address})
