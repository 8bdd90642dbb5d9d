"""Fill the holes of the stream from REST, on demand: one run for one session."""

from dataclasses import asdict
from datetime import date

import dagster as dg
from polygon_stream.settings import (
    BackfillSettings,
    KafkaSettings,
    PolygonSettings,
    TopicSettings,
)
from pydantic import Field, SecretStr

from polygon_assets.defs.ticks.assets import GAPS_TOPIC
from polygon_assets.partitions import SESSION_TAG
from polygon_assets.policies import LANE_TAG
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import session

_BARS_TOPIC = TopicSettings(prefix="").agg_1s


class SessionToFill(dg.Config):
    """Which session."""

    session: str = Field(description="New York date of the session, YYYY-MM-DD")


@dg.op(pool="stream_backfill")
def backfill_session(
    context: dg.OpExecutionContext,
    config: SessionToFill,
    polygon: Polygon,
    kafka: Kafka,
    clickhouse: ClickHouse,
) -> None:
    """Send the second bars that the stream missed into its topic; the sink stores them.

    Running it twice changes nothing. What it did is an observation of the gaps topic.

    Raises:
        NotASessionError: The exchange does not trade on that day.
    """
    from polygon_stream.backfill import Backfill
    from polygon_stream.backfill_rest import RestBars

    day = session(date.fromisoformat(config.session)).session_date
    context.instance.add_run_tags(context.run_id, {SESSION_TAG: str(day)})
    settings = BackfillSettings()
    vendor = PolygonSettings(rest_url=polygon.rest_url, api_key=SecretStr(polygon.api_key))
    with clickhouse.client() as client:
        filler = Backfill(
            RestBars(vendor, settings),
            KafkaSettings(
                bootstrap_servers=kafka.bootstrap_servers,
                security_protocol=kafka.security_protocol,
                api_key=kafka.api_key,
                api_secret=SecretStr(kafka.api_secret),
            ),
            TopicSettings(prefix=kafka.bars_topic.removesuffix(_BARS_TOPIC)),
            client,
            clickhouse.ticks,
            settings,
        )
        report = filler.run(day)
    context.log_event(
        dg.AssetObservation(dg.AssetKey(GAPS_TOPIC), partition=str(day), metadata=asdict(report))
    )
    if report.refused:
        context.log.error("%d bars of the vendor were refused; see the log", report.refused)


@dg.job(
    description="Fill the holes of one session of the stream from REST second bars.",
    tags={LANE_TAG: "backfill_gaps"},
)
def backfill_gaps() -> None:
    """Fill the holes of one session of the stream from REST second bars."""
    backfill_session()
