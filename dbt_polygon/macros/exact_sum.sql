{#- A sum over many rows, or over a window, that is the same bits in every run. The sum of doubles
    depends on the order in which a warehouse adds them, and differences in its last bits would pass
    for changes. -#}
{% macro exact_sum(expression, scale, window=none) -%}
    cast(sum(cast({{ expression }} as number(38, {{ scale }})))
    {%- if window %} over ({{ window }}){% endif %} as double)
{%- endmacro %}
