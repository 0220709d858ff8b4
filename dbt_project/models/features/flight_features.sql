{%- set histories = {
    'carrier': ('carrier_delay_history', 'carrier'),
    'origin': ('origin_delay_history', 'origin'),
    'dest': ('destination_delay_history', 'dest'),
    'tailnum': ('aircraft_delay_history', 'tailnum'),
} -%}

with flights as (

    select *
    from {{ ref('flight_schedule') }}
    where {{ dbt_features.days_being_built('partition_date') }}

),

outcomes as (

    select
        flight_id,
        is_late
    from {{ ref('stg_flights') }}
    where {{ dbt_features.days_being_built('partition_date') }}

)

select
    flights.flight_id,
    flights.partition_date,
    flights.scheduled_departure_at,
    greatest(
        flights.schedule_known_at,
        coalesce(weather.known_at, flights.schedule_known_at)
        {%- for name in histories %},
        coalesce({{ name }}_history.latest_outcome_at, flights.schedule_known_at)
        {%- endfor %}
    ) as features_known_at,
    flights.carrier,
    flights.origin,
    flights.dest,
    flights.tailnum,
    flights.carrier_dest,
    flights.departure_hour,
    flights.departure_minute_of_day,
    flights.weekday,
    flights.day_of_year,
    flights.distance_miles,
    flights.scheduled_minutes,
    flights.departures_same_hour,
    aircraft.plane_age_years,
    aircraft.plane_seats,
    aircraft.plane_engines,
    weather.temperature_f,
    weather.dew_point_f,
    weather.humidity_percent,
    weather.wind_speed_mph,
    weather.wind_from_north_mph,
    weather.wind_from_east_mph,
    weather.wind_gust_mph,
    weather.precipitation_inches,
    weather.pressure_millibars,
    weather.visibility_miles,
    {%- for name in histories %}
    {{ name }}_history.late_rate_7d as {{ name }}_late_rate_7d,
    {{ name }}_history.mean_arrival_delay_7d as {{ name }}_mean_arrival_delay_7d,
    {{ name }}_history.late_rate_28d as {{ name }}_late_rate_28d,
    cast(ln(1 + coalesce({{ name }}_history.flights_28d, 0)) as {{ dbt.type_float() }}) as {{ name }}_log_flights_28d,
    {%- endfor %}
    cast(outcomes.is_late as {{ dbt.type_int() }}) as is_late
from flights
left join outcomes
    on outcomes.flight_id = flights.flight_id
left join {{ ref('aircraft') }} as aircraft
    on aircraft.partition_date = flights.partition_date
    and aircraft.tailnum = flights.tailnum
left join {{ ref('origin_weather') }} as weather
    on weather.partition_date = flights.partition_date
    and weather.origin = flights.origin
    and weather.known_at = flights.scheduled_departure_hour
{%- for name, (table, key) in histories.items() %}
left join {{ ref(table) }} as {{ name }}_history
    on {{ name }}_history.partition_date = flights.partition_date
    and {{ name }}_history.{{ key }} = flights.{{ key }}
{%- endfor %}
