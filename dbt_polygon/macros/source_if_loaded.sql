{#- A raw table that not every plan has: its rows, or none while it was never loaded.
    `columns` are those that the model reads, with their types. -#}
{% macro source_if_loaded(source_name, table, columns) -%}
    {%- set relation = source(source_name, table) -%}
    {%- if not execute or load_relation(relation) is not none -%}
        {{ relation }}
    {%- else -%}
        (
            select
                {%- for column, kind in columns.items() %}
                cast(null as {{ kind }}) as {{ column }}{{ "," if not loop.last }}
                {%- endfor %}
            where false
        )
    {%- endif -%}
{%- endmacro %}
