with flights as (

    select
        *,
        extract(hour from departure_local) as departure_hour_number,
        -- The schedule of a day is fixed when the day begins, so counting what leaves later in the
        -- same hour looks at nothing from the future.
        count(*) over (partition by origin, scheduled_departure_hour) as departures_same_hour
    from {{ ref('stg_flights') }}
    where {{ dbt_features.days_being_built('partition_date') }}

)

select
    flight_id,
    partition_date,
    scheduled_departure_at,
    scheduled_departure_hour,
    scheduled_arrival_at,
    cast(partition_date as {{ dbt.type_timestamp() }}) as schedule_known_at,
    carrier,
    flight_number,
    tailnum,
    origin,
    dest,
    {{ dbt.concat(["carrier", "'-'", "dest"]) }} as carrier_dest,
    {{ dbt.right(dbt.concat(["'0'", "cast(departure_hour_number as " ~ dbt.type_string() ~ ")"]), 2) }} as departure_hour,
    cast(departure_hour_number * 60 + extract(minute from departure_local) as {{ dbt.type_float() }})
        as departure_minute_of_day,
    cast({{ dbt_features.weekday('departure_local') }} as {{ dbt.type_float() }}) as weekday,
    cast({{ dbt_features.day_of_year('departure_local') }} as {{ dbt.type_float() }}) as day_of_year,
    distance_miles,
    cast(scheduled_minutes as {{ dbt.type_float() }}) as scheduled_minutes,
    cast(departures_same_hour as {{ dbt.type_float() }}) as departures_same_hour
from flights
