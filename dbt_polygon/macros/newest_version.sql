{#- Keeps the newest version of each key: syncs overlap, so a key can have been read more than once. -#}
{% macro newest_version(key) -%}
    qualify row_number() over (
        partition by {{ key | join(", ") }}
        order by _airbyte_extracted_at desc, _airbyte_raw_id desc
    ) = 1
{%- endmacro %}


{#- When Airbyte read the row, as a UTC time without a zone. -#}
{% macro loaded_at() -%}
    cast(convert_timezone('UTC', _airbyte_extracted_at) as timestamp_ntz)
{%- endmacro %}
