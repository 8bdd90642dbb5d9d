"""One stack for all tests of a worker."""

import pytest
from stack import Stack, create


@pytest.fixture(scope="session")
def stack() -> Stack:
    """With everything that a parameter asks for."""
    return create(
        ChannelsObject="a-bucket/channels.txt",
        AlarmEmail="market-data@example.com",
        GitHubRepository="myorg/polygon-assets",
    )
