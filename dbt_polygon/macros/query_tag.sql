{#- Every statement of a model, test, seed or snapshot carries a QUERY_TAG: JSON that tells in
    Snowflake's query history which asset it was for and which run sent it. It stays until the next
    one on the connection sets its own; before the first, the connection's tag tells app and
    deployment (profiles.yml). -#}
{% macro snowflake__set_query_tag() -%}
    {%- set node = graph.nodes.get(model.get("attached_node"), model) -%}
    {%- set layer = {"seed": "marts", "snapshot": "snapshots"}.get(node.resource_type, node.fqn[1]) -%}
    {%- set pull_request = env_var("DAGSTER_CLOUD_PULL_REQUEST_ID", "") -%}
    {%- set tag = {
        "app": "polygon-assets",
        "deployment": "pr_" ~ pull_request if target.name == "branch" else target.name,
        "run_id": var("dagster_run_id"),
        "asset": layer ~ "/market/" ~ node.name,
        "node": model.unique_id,
        "invocation_id": invocation_id,
    } -%}
    {% do run_query("alter session set query_tag = '" ~ tojson(tag) | replace("'", "''") ~ "'") %}
    {{ return(none) }}
{%- endmacro %}
