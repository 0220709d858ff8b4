with directed as (

    select
        *,
        -- The direction is where the wind comes from, clockwise from north.
        wind_direction_degrees * 3.141592653589793 / 180 as wind_direction_radians
    from {{ ref('stg_weather') }}
    where {{ dbt_features.days_being_built('cast(known_at as date)') }}

)

select
    cast(known_at as date) as partition_date,
    origin,
    reported_hour,
    temperature_f,
    dew_point_f,
    humidity_percent,
    wind_speed_mph,
    cast(wind_speed_mph * cos(wind_direction_radians) as {{ dbt.type_float() }}) as wind_from_north_mph,
    cast(wind_speed_mph * sin(wind_direction_radians) as {{ dbt.type_float() }}) as wind_from_east_mph,
    -- A gust is reported only where it exceeds the wind.
    coalesce(wind_gust_mph, wind_speed_mph) as wind_gust_mph,
    precipitation_inches,
    pressure_millibars,
    visibility_miles,
    known_at
from directed
