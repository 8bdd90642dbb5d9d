{#- Schemas carry their own name (STAGING, INTERMEDIATE, MARTS): the database tells deployments apart. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim | upper }}
{%- endmacro %}
