{#- Sessions that a model with rows per session must compute, as a query: those of this run, and those
    in which a row of the `models` it is made of changed since it was last written. Of a session all
    rows are computed, so its strategy is whole_sessions. -#}
{% macro sessions_to_compute(models) -%}
    {%- for model in models %}
    select distinct session_date
    from {{ model }}
    where
        {{ in_session_window('session_date') }}
        {%- if is_incremental() %}
        or {{ is_news() }}
        {%- endif %}
    {{ "union" if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- Rows that a model with one row per session and symbol must compute because a row of the `models`
    it is made of changed since it was last written, as a query. Only for incremental runs. -#}
{% macro changed_rows(models) -%}
    {%- for model in models %}
    select
        session_date,
        symbol
    from {{ model }}
    where {{ is_news() }}
    {{ "union" if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- The rows of a model from the first to the last session of the CTE `wanted`: what a join with it
    needs, said so that a warehouse reads nothing else. -#}
{% macro around_wanted(model) -%}
    (
        select *
        from {{ model }}
        where
            session_date >= (select min(wanted.session_date) from wanted)
            and session_date <= (select max(wanted.session_date) from wanted)
    )
{%- endmacro %}
