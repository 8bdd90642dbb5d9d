"""A code location with a job that succeeds, one that fails, and one that goes on."""

import time

import dagster as dg


class Config(dg.Config):
    """What the job is told."""

    pull_request: int


@dg.op
def drop_everything(config: Config) -> None:
    """Succeed for one pull request only."""
    if config.pull_request != 12:
        raise dg.Failure(f"no pull request {config.pull_request}")


@dg.op
def go_on() -> None:
    """Take longer than anybody waits."""
    time.sleep(300)


@dg.job
def drop_deployment() -> None:
    """As the platform's, by its name and config."""
    drop_everything()


@dg.job
def endless() -> None:
    """Takes too long."""
    go_on()


defs = dg.Definitions(jobs=[drop_deployment, endless], executor=dg.in_process_executor)
