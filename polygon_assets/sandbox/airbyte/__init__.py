"""The part of Airbyte that `dagster-airbyte` calls, on one laptop.

A server with Airbyte's public API (``/api/public/v1``) and configuration API (``/api/v1``) over one
workspace with three connections. A sync runs the repository's own connector as a subprocess, reads
the Airbyte protocol from it and loads the records into Snowflake.
"""
