"""The Airbyte connections of the platform, and the streams of each.

`polygon connector publish` makes them in an Airbyte workspace; the raw assets sync them. Each has a
source of its own, because a sync's window is a setting of the source.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class AirbyteConnection:
    """One connection from the connector to the warehouse.

    Attributes:
        name: Its name in the workspace; its source has the same.
        streams: The connector's streams that it syncs.
        table_prefix: In front of every stream's name in the name of its table.
    """

    name: str
    streams: tuple[str, ...]
    table_prefix: str = ""

    def table(self, stream: str) -> str:
        """Name of the table that a stream fills, in lower case."""
        return f"{self.table_prefix}{stream}"


BARS = AirbyteConnection("polygon_bars", ("daily_bars",))
REFERENCE = AirbyteConnection(
    "polygon_reference",
    ("tickers", "exchanges", "market_holidays", "ticker_types", "conditions"),
)
ACTIONS = AirbyteConnection("polygon_actions", ("splits", "dividends", "ipos"))
FUNDAMENTALS = AirbyteConnection(
    "polygon_fundamentals", ("financials", "short_interest", "short_volume", "news")
)
SYMBOLS = AirbyteConnection(
    "polygon_symbols", ("ticker_details", "ticker_events", "related_tickers", "open_close")
)
# Minute bars of the whole market come from the flat files; these are the chosen symbols' own.
SYMBOL_BARS = AirbyteConnection(
    "polygon_symbol_bars", ("minute_bars", "day_bars"), table_prefix="symbol_"
)

CONNECTIONS = (BARS, REFERENCE, ACTIONS, FUNDAMENTALS, SYMBOLS, SYMBOL_BARS)
