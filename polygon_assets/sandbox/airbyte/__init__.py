"""The part of Airbyte that `dagster-airbyte` and `polygon connector publish` call, on one laptop.

A server with Airbyte's public API (``/api/public/v1``) and configuration API (``/api/v1``) over one
workspace, which is empty until something is published to it. A sync runs the connector as a
subprocess with the manifest of its definition, reads the Airbyte protocol from it and loads the
records into Snowflake.
"""
