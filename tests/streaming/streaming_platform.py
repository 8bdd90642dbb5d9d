"""Sandbox servers and sinks for the tests of the sink."""

import json
import uuid

import clickhouse_connect
from polygon_stream import schema
from polygon_stream.channels import CHANNELS
from polygon_stream.settings import KafkaSettings, TopicSettings
from polygon_stream.topics import ensure_topics
from streaming_helpers import (
    free_port,
    start_program,
    stop_program,
    wait_until,
    write_records,
)


class Server:
    """A sandbox server that can be killed and started again on the same port and data."""

    def __init__(self, name: str, folder) -> None:
        self.port = free_port()
        self._command = ["-m", f"polygon_assets.sandbox.{name}"]
        self._command += ["--port", str(self.port), "--data", str(folder / name)]
        self._log = folder / f"{name}.log"
        self.process = None

    def start(self) -> "Server":
        self.process = start_program(*self._command, environment={}, log=self._log)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        stop_program(self.process)


class Platform:
    """Topics and a database of their own for one test, and the sinks that run on them."""

    def __init__(self, kafka_address: str, clickhouse: Server, folder) -> None:
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.kafka_address = kafka_address
        self.clickhouse = clickhouse
        self.log = folder / "sink.log"
        self.topics = TopicSettings(prefix=f"{self.name}.")
        kafka = KafkaSettings(bootstrap_servers=kafka_address)
        wait_until(lambda: self._reachable(kafka), 20, "Kafka")
        self.programs: list = []

    def _reachable(self, kafka: KafkaSettings) -> bool:
        names = [channel.topic(self.topics) for channel in CHANNELS]
        ensure_topics(kafka, names, 4)
        return True

    def client(self):
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.clickhouse.port, autogenerate_session_id=False
        )

    def write(self, events: list[dict | bytes]) -> None:
        values = [
            (e["sym"], json.dumps(e).encode()) if isinstance(e, dict) else ("?", e) for e in events
        ]
        write_records(self.kafka_address, self.topics.agg_1s, values)

    def start_sink(self, script: tuple[str, ...] = ("-m", "polygon_stream.sink"), **environment):
        program = start_program(
            *script,
            environment={
                "KAFKA_BOOTSTRAP_SERVERS": self.kafka_address,
                "KAFKA_TOPIC_PREFIX": self.topics.prefix,
                "KAFKA_CONSUMER_GROUP": self.name,
                "CLICKHOUSE_URL": f"http://127.0.0.1:{self.clickhouse.port}",
                "CLICKHOUSE_DATABASE": self.name,
                "SINK_FLUSH_MS": "100",
                "SINK_SESSION_TIMEOUT_MS": "6000",
                **environment,
            },
            log=self.log,
        )
        self.programs.append(program)
        return program

    def rows(self, table: str = "bars_1s", what: str = "count()", final: bool = False) -> list:
        """The result; [(0,)] while the table does not exist or nobody answers."""
        suffix = " FINAL" if final else ""
        try:
            return (
                self.client().query(f"SELECT {what} FROM {self.name}.{table}{suffix}").result_rows
            )
        except clickhouse_connect.driver.exceptions.ClickHouseError:
            return [(0,)]

    def distinct(self) -> int:
        """How many different messages are in the table."""
        return self.rows(what="uniqExact(kafka_partition, kafka_offset)")[0][0]

    def wait_for_rows(self, count: int, seconds: float = 60) -> None:
        wait_until(lambda: self.rows() == [(count,)], seconds, f"{count} rows, not {self.rows()}")

    def stop(self) -> None:
        for program in self.programs:
            if program.poll() is None:
                program.kill()
                program.wait()


def watch_arrivals(platform: Platform) -> None:
    """Collect every row that is ever inserted, by a materialized view into a plain table."""
    client = platform.client()
    schema.apply(client, schema.TICKS, {"database": platform.name})
    client.command(
        f"CREATE TABLE {platform.name}.arrivals (kafka_partition UInt16, kafka_offset UInt64) "
        "ENGINE = MergeTree ORDER BY () SETTINGS non_replicated_deduplication_window = 10000"
    )
    client.command(
        f"CREATE MATERIALIZED VIEW {platform.name}.arrivals_mv TO {platform.name}.arrivals "
        f"AS SELECT kafka_partition, kafka_offset FROM {platform.name}.bars_1s"
    )


def arrivals(platform: Platform) -> tuple[int, int]:
    """How many rows arrived, and how many different messages they came from."""
    what = "count(), uniqExact(kafka_partition, kafka_offset)"
    return platform.rows("arrivals", what)[0]
