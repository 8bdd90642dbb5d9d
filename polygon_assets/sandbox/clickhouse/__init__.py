"""The sandbox's ClickHouse: the ClickHouse engine (chDB) behind ClickHouse's HTTP interface.

One process owns one data directory. Start it with
``python -m polygon_assets.sandbox.clickhouse --port 18102 --data DIR``.

It differs from a ClickHouse server in what chDB lacks: no native TCP interface, no users beyond
the one in the environment, no ``query_log``, no cancelling by ``query_id``, no Replicated or
Shared engines, and ``DateTime('zone')`` reaches clients without its zone (``DateTime64(3, 'zone')``
keeps it).
"""
