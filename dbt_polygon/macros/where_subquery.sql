{#- The rows that a test looks at. `where: in_session_window` stands for the sessions of the run:
    configurations are read before the variables of a run are known. -#}
{% macro default__get_where_subquery(relation) -%}
    {%- set where = config.get("where", "") -%}
    {%- if where == "in_session_window" -%}
        {%- set where = in_session_window("session_date") -%}
    {%- endif -%}
    {%- if where -%}
        {%- do return("(select * from " ~ relation ~ " where " ~ where ~ ") as dbt_subquery") -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro %}
