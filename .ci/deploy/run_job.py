"""Launch a job in a deployment of Dagster+, and wait for its end: exit code 0 only for a success.

    python .ci/deploy/run_job.py clone_deployment --deployment 0f3a5c --seconds 1800

``dagster-cloud job launch --wait`` ends with 0 when the run failed, too, and waits for ever. A run
that takes too long, or whose workflow is cancelled, is terminated. Reads ``DAGSTER_CLOUD_URL`` and
``DAGSTER_CLOUD_API_TOKEN``.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from dagster_cloud_cli import gql
from dagster_cloud_cli.core.graphql_client import DagsterCloudGraphQLClient

LOCATION, REPOSITORY = "polygon_assets", "__repository__"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SUCCESS, ENDED = "SUCCESS", ("SUCCESS", "FAILURE", "CANCELED")

TERMINATE = """
mutation Terminate($runId: String!) {
    terminateRun(runId: $runId) { __typename }
}
"""
TERMINATED_WITHIN_SECONDS = 90


class Cancelled(BaseException):
    """The workflow was cancelled. Dagster's client makes its own error of any other exception."""


def wait_for_end(
    status: Callable[[], str],
    seconds: float,
    interval: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Ask for a run's status until it has ended.

    An answer that does not come is asked for again.

    Args:
        status: Asks for it.
        seconds: How long to wait.
        interval: Seconds between two questions.
        clock: Seconds of a clock that never goes back.
        sleep: Waits.

    Returns:
        SUCCESS, FAILURE or CANCELED.

    Raises:
        TimeoutError: It did not end; says what its last status was.
    """
    deadline = clock() + seconds
    last = "unknown"
    while True:
        try:
            found = status()
        except Exception as error:  # noqa: BLE001 - the client raises nothing narrower
            say(f"no status, asked again: {error}")
        else:
            if found in ENDED:
                return found
            if found != last:
                say(f"status {found}")
            last = found
        if clock() + interval > deadline:
            raise TimeoutError(f"not ended after {seconds:.0f} s, its last status is {last}")
        sleep(interval)


def launch(address: str, token: str, deployment: str, job: str, config: dict[str, Any]) -> str:
    """Launch a run, and give its identifier."""
    # Without the key a repeated request could start a second run.
    once = {"Idempotency-Key": str(uuid4())}
    with gql.graphql_client_from_url(
        address, token, retries=5, deployment_name=deployment, headers=once
    ) as client:
        return gql.launch_run(client, LOCATION, REPOSITORY, job, {}, config, asset_keys=None)


def run(url: str, token: str, options: argparse.Namespace) -> int:
    """Launch, wait, judge; the exit code."""
    address, job = f"{url.rstrip('/')}/{options.deployment}", options.job
    try:
        run_id = launch(address, token, options.deployment, job, options.config)
    except Exception as error:  # noqa: BLE001 - the client raises nothing narrower
        say(f"{job} was not launched: {error}")
        return 1
    with gql.graphql_client_from_url(address, token, deployment_name=options.deployment) as client:
        try:
            say(f"{job} launched: {address}/runs/{run_id}")
            status = wait_for_end(
                lambda: str(gql.run_status(client, run_id)), options.seconds, options.interval
            )
        except (TimeoutError, Cancelled) as problem:
            say(f"{job} is terminated: {problem}")
            terminate(client, run_id)
            return 1
    say(f"{job} ended: {status}")
    return 0 if status == SUCCESS else 1


def terminate(client: DagsterCloudGraphQLClient, run_id: str) -> None:
    """Terminate a run, and wait for its end.

    Asked for until it happens: a run whose process is just starting refuses, or forgets it.
    """
    deadline = time.monotonic() + TERMINATED_WITHIN_SECONDS
    status = ""
    while status not in ENDED and time.monotonic() < deadline:
        if status != "CANCELING":
            client.execute(TERMINATE, {"runId": run_id})
        time.sleep(0.5)
        status = str(gql.run_status(client, run_id))
    say(f"ended: {status}" if status in ENDED else f"not terminated, its status is {status}")


def say(sentence: str) -> None:
    """For the log of the workflow, at once."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def cancel(signal_number: int, _: object) -> None:
    """Handle the first signal; GitHub sends another soon after."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Cancelled(signal.Signals(signal_number).name)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Launch a job in Dagster+ and wait for its end.")
    parser.add_argument("job")
    parser.add_argument("--deployment", required=True)
    parser.add_argument("--config", type=json.loads, default={}, help="run config as JSON")
    parser.add_argument("--seconds", type=float, default=1800, help="how long to wait")
    parser.add_argument("--interval", type=float, default=10, help="seconds between two questions")
    options = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, cancel)
    url, token = (os.environ[f"DAGSTER_CLOUD_{name}"] for name in ("URL", "API_TOKEN"))
    return run(url, token, options)


if __name__ == "__main__":
    sys.exit(main())
