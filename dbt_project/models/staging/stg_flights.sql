with flights as (

    select
        *,
        {{ dbt_features.minutes_after(dbt_features.utc('time_hour'), 'mod(sched_dep_time, 100)') }} as scheduled_departure_at
    from {{ source('raw', 'flights') }}

),

with_zones as (

    select
        flights.*,
        origins.time_zone as origin_zone,
        -- Four airports of Puerto Rico and the Virgin Islands are not in the list of airports.
        coalesce(destinations.time_zone, 'America/Puerto_Rico') as destination_zone
    from flights
    left join {{ ref('stg_airports') }} as origins
        on origins.airport = flights.origin
    left join {{ ref('stg_airports') }} as destinations
        on destinations.airport = flights.dest

),

with_clocks as (

    select
        *,
        {{ dbt_features.local_time('scheduled_departure_at', 'origin_zone') }} as departure_local,
        {{ dbt_features.local_time('scheduled_departure_at', 'destination_zone') }} as departure_at_destination,
        {{ minutes_of_clock('sched_arr_time') }} as arrival_minutes
    from with_zones

),

with_arrival_clock as (

    select
        *,
        {{ dbt.dateadd('minute', 'arrival_minutes', dbt.date_trunc('day', 'departure_at_destination')) }}
            as arrival_clock
    from with_clocks

),

with_arrival as (

    select
        *,
        -- The schedule gives no date of arrival: it is the next time that the clock at the
        -- destination shows it. The day is added to the local time, as clocks may change that night.
        {{ dbt_features.from_local_time(
            "case when arrival_clock > departure_at_destination then arrival_clock"
            ~ " else " ~ dbt.dateadd('day', 1, 'arrival_clock') ~ " end",
            'destination_zone'
        ) }} as scheduled_arrival_at
    from with_arrival_clock

)

select
    {{ dbt.concat([
        "cast(cast(departure_local as date) as " ~ dbt.type_string() ~ ")",
        "'-'", "carrier", "'-'", "cast(flight as " ~ dbt.type_string() ~ ")", "'-'", "origin",
    ]) }} as flight_id,
    cast(scheduled_departure_at as date) as partition_date,
    scheduled_departure_at,
    {{ dbt_features.utc('time_hour') }} as scheduled_departure_hour,
    scheduled_arrival_at,
    departure_local,
    {{ dbt.datediff('scheduled_departure_at', 'scheduled_arrival_at', 'minute') }} as scheduled_minutes,
    carrier,
    cast(flight as {{ dbt.type_int() }}) as flight_number,
    tailnum,
    origin,
    dest,
    cast(distance as {{ dbt.type_float() }}) as distance_miles,
    cast(air_time as {{ dbt.type_float() }}) as air_minutes,
    cast(dep_delay as {{ dbt.type_float() }}) as departure_delay_minutes,
    cast(arr_delay as {{ dbt.type_float() }}) as arrival_delay_minutes,
    {{ dbt_features.minutes_after('scheduled_arrival_at', 'arr_delay') }} as arrived_at,
    case when arr_delay >= 15 then 1 when arr_delay < 15 then 0 end as is_late
from with_arrival
