{#- True for the sessions of this run: first_session to last_session, both included. -#}
{% macro in_session_window(column) -%}
    {{ column }} between cast('{{ var("first_session") }}' as date) and cast('{{ var("last_session") }}' as date)
{%- endmacro %}


{#- When a row got its present content (UTC, the warehouse's clock). Only rows whose content changes
    are written, so it tells which rows are news to the models below. -#}
{% macro changed_at() -%}
    cast(convert_timezone('UTC', current_timestamp()) as timestamp_ntz)
{%- endmacro %}


{#- Rows of a model above that changed after this model was last written: a condition. -#}
{% macro is_news(column="changed_at") -%}
    {{ column }} > (select coalesce(max(changed_at), cast('1900-01-01' as timestamp_ntz)) from {{ this }})
{%- endmacro %}


{#- Securities with the first session from which this model must be computed again, as a query:
    a bar that changed, arrived late or vanished matters to every later bar of its security, and a
    new adjustment factor to all of them. -#}
{% macro restated_from(bars, factors=none) -%}
    select
        security_id,
        min(session_date) as from_session
    from (
        select
            security_id,
            session_date
        from {{ bars }}
        where {{ is_news() }}
        union all
        {% if factors -%}
        select
            security_id,
            cast('1900-01-01' as date) as session_date
        from {{ factors }}
        where {{ is_news() }}
        union all
        {% endif -%}
        select
            stored.security_id,
            stored.session_date
        from {{ this }} as stored
        left join {{ bars }} as bars
            on stored.session_date = bars.session_date
            and stored.symbol = bars.symbol
        where {{ in_session_window("stored.session_date") }} and bars.symbol is null
    ) as changed
    group by security_id
{%- endmacro %}
