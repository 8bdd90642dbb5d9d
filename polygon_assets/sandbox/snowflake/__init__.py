"""The sandbox's Snowflake: the real connector and the real dbt-snowflake connect to it.

fakesnow translates Snowflake's SQL for DuckDB. This package gives it what a warehouse needs:
files that outlive the process, a login, errors in Snowflake's words, native MERGE, temporary
tables, clones and a fast path for literal rows. Start it with
``python -m polygon_assets.sandbox.snowflake --port N --data DIR``.

It is a stand-in: it has no cost and no time travel, every role but PUBLIC owns everything, and what
it does not support it answers with a SQL error. Nothing outside this package knows that it exists.
"""
