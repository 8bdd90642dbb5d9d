select
    cast(session_date as date) as session_date,
    cast(id as integer) as exchange_id,
    cast(name as varchar) as name,
    cast(type as varchar) as exchange_type,
    cast(acronym as varchar) as acronym,
    cast(mic as varchar) as mic,
    cast(operating_mic as varchar) as operating_mic,
    cast(participant_id as varchar) as participant_id,
    cast(url as varchar) as url,
    {{ loaded_at() }} as loaded_at
from {{ source('polygon', 'exchanges') }}
{{ newest_version(['session_date', 'id', 'name']) }}
