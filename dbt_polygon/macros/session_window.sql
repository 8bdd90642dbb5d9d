{#- True for the sessions of this run: first_session to last_session, both included. -#}
{% macro in_session_window(column) -%}
    {{ column }} between cast('{{ var("first_session") }}' as date) and cast('{{ var("last_session") }}' as date)
{%- endmacro %}


{#- Incremental strategy `session_window`: in one transaction, replace every row of the window, and
    every row that the query restates outside of it. A row that has left the source leaves the
    window too, which delete+insert by key would keep. -#}
{% macro get_incremental_session_window_sql(arg_dict) -%}
    {%- set target = arg_dict["target_relation"] -%}
    {%- set source = arg_dict["temp_relation"] -%}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    {%- set keys = arg_dict["unique_key"] | join(", ") -%}
    {%- set dml -%}
        delete from {{ target }}
        where {{ in_session_window("session_date") }};

        delete from {{ target }}
        where ({{ keys }}) in (select {{ keys }} from {{ source }});

        insert into {{ target }} ({{ columns }})
        select {{ columns }} from {{ source }}
    {%- endset -%}
    {{ return(snowflake_dml_explicit_transaction(dml)) }}
{%- endmacro %}
