{#- Incremental strategies that write only what changed, in one transaction. They differ in what
    they take out of the table because the query no longer has it:
    - session_window: rows of the sessions of this run;
    - whole_sessions: those, and rows of any other session that the query has rows of;
    - whole_table: any row;
    - seen_window: rows that were seen in the sessions of this run only. -#}
{% macro get_incremental_session_window_sql(arg_dict) -%}
    {{ return(write_changes(arg_dict, in_session_window("stored.session_date"))) }}
{%- endmacro %}


{% macro get_incremental_whole_sessions_sql(arg_dict) -%}
    {%- set removable -%}
        (
            {{ in_session_window("stored.session_date") }}
            or stored.session_date in (select computed.session_date from {{ arg_dict["temp_relation"] }} as computed)
        )
    {%- endset -%}
    {{ return(write_changes(arg_dict, removable)) }}
{%- endmacro %}


{% macro get_incremental_whole_table_sql(arg_dict) -%}
    {{ return(write_changes(arg_dict, "true")) }}
{%- endmacro %}


{% macro get_incremental_seen_window_sql(arg_dict) -%}
    {{ return(write_changes(arg_dict, seen_in_session_window("stored"))) }}
{%- endmacro %}


{#- True for a row of evidence that no session but those of this run gave. -#}
{% macro seen_in_session_window(row) -%}
    ({{ in_session_window(row ~ ".first_seen") }} and {{ in_session_window(row ~ ".last_seen") }})
{%- endmacro %}


{#- Whether a column of a stored row says something else than the fresh one. The last bits of a sum
    depend on the order of its parts, which no engine promises: they are no news. -#}
{% macro says_something_else(column) -%}
    {%- set stored = "stored." ~ column.name -%}
    {%- set fresh = "fresh." ~ column.name -%}
    {%- if column.is_float() -%}
        ({{ stored }} is distinct from {{ fresh }}
            and coalesce(abs({{ stored }} - {{ fresh }}) > 1e-11 * greatest(abs({{ stored }}), abs({{ fresh }}), 0.01), true))
    {%- else -%}
        {{ stored }} is distinct from {{ fresh }}
    {%- endif -%}
{%- endmacro %}


{#- Columns that tell when a row came, not what it says. -#}
{% macro arrival_columns() -%}
    {{ return(["CHANGED_AT", "LOADED_AT"]) }}
{%- endmacro %}


{% macro write_changes(arg_dict, removable) -%}
    {%- set target = arg_dict["target_relation"] -%}
    {%- set source = arg_dict["temp_relation"] -%}
    {%- set keys = arg_dict["unique_key"] | map("upper") | list -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="name") | list -%}
    {%- set same_key -%}
        {%- for key in keys -%}
            {{ " and " if not loop.first }}stored.{{ key }} = fresh.{{ key }}
        {%- endfor -%}
    {%- endset -%}
    {%- set differs -%}
        {%- for column in arg_dict["dest_columns"] if column.name | upper not in keys + arrival_columns() -%}
            {{ " or " if not loop.first }}{{ says_something_else(column) }}
        {%- endfor -%}
    {%- endset -%}
    {%- set dml -%}
        delete from {{ target }} as stored
        where {{ removable }}
            and not exists (select 1 from {{ source }} as fresh where {{ same_key }});

        delete from {{ target }} as stored
        using {{ source }} as fresh
        where {{ same_key }} and ({{ differs }});

        insert into {{ target }} ({{ columns | join(", ") }})
        select fresh.{{ columns | join(", fresh.") }}
        from {{ source }} as fresh
        left join {{ target }} as stored
            on {{ same_key }}
        where stored.{{ keys[0] }} is null
    {%- endset -%}
    {{ return(snowflake_dml_explicit_transaction(dml)) }}
{%- endmacro %}
