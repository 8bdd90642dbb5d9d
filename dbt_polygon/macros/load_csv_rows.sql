{#- Loads a seed as JSON, one document per batch. dbt's own insert has one bound value per cell, and
    parsing that many takes ten times as long. Every column needs an entry in column_types. -#}
{% macro snowflake__load_csv_rows(model, agate_table) %}
    {%- set columns = agate_table.column_names -%}
    {%- set types = model["config"].get("column_types", {}) -%}
    {%- set missing = columns | reject("in", types) | list -%}
    {%- if missing -%}
        {% do exceptions.raise_compiler_error(
            "Seed " ~ model["name"] ~ ": name the type of " ~ missing | join(", ") ~ " in column_types."
        ) %}
    {%- endif -%}

    {% do adapter.add_query("begin", auto_begin=False) %}
    {% for batch in agate_table.rows | batch(5000) %}
        {%- set rows = [] -%}
        {%- for row in batch -%}
            {%- set cells = [] -%}
            {%- for cell in row -%}
                {%- do cells.append(none if cell is none else cell | string) -%}
            {%- endfor -%}
            {%- do rows.append(cells) -%}
        {%- endfor -%}
        {% set insert_batch %}
            insert {{ "overwrite" if loop.first }} into {{ this.render() }} ({{ columns | join(", ") }})
            select
                {%- for column in columns %}
                cast(value[{{ loop.index0 }}] as {{ types[column] }}) as {{ column }}{{ "," if not loop.last }}
                {%- endfor %}
            from table(flatten(input => parse_json(%s)))
        {% endset %}
        {% do adapter.add_query(insert_batch, bindings=[tojson(rows)], abridge_sql_log=True) %}
    {% endfor %}
    {% do adapter.add_query("commit", auto_begin=False) %}

    {{ return("-- loaded as JSON in batches") }}
{% endmacro %}
