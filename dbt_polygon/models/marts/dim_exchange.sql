select
    exchange_id,
    name,
    exchange_type,
    acronym,
    mic,
    operating_mic,
    participant_id,
    url,
    session_date as last_seen_session
from {{ ref('stg_exchanges') }}
qualify row_number() over (partition by exchange_id, name order by session_date desc) = 1
