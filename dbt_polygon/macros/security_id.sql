{#- Our own identifier of a security. The FIGI outlives renames; without one, a symbol and which of
    its listings it is. -#}
{% macro security_id(composite_figi, symbol, listing_number) -%}
    md5(coalesce('figi|' || {{ composite_figi }}, {{ symbol }} || '|' || cast({{ listing_number }} as varchar)))
{%- endmacro %}
