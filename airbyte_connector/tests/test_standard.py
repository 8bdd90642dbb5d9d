"""The CDK's standard tests: spec, check, discover, read, bad catalog."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase
from vendor import running_vendor

from source_polygon.run import SourcePolygon


class TestSourcePolygon(SourceTestSuiteBase):
    """The scenarios of acceptance-test-config.yml, against a vendor of our own."""

    address: ClassVar[str] = ""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _vendor(cls) -> Iterator[None]:
        with running_vendor() as vendor:
            cls.address = vendor.url
            yield

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourcePolygon:
        if scenario is None:
            return SourcePolygon()
        config = scenario.get_config_dict(
            connector_root=cls.get_connector_root_dir(), empty_if_missing=True
        )
        return SourcePolygon(config={**config, "base_url": cls.address})
