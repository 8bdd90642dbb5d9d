{#- Our own identifier of a security: a symbol and which of its listings it is. -#}
{% macro security_id(symbol, listing_number) -%}
    md5({{ symbol }} || '|' || cast({{ listing_number }} as varchar))
{%- endmacro %}
