select
    origin,
    {{ dbt_features.utc('time_hour') }} as reported_hour,
    -- A report is filed under the hour in which it was made, mostly at its 51st minute, and its
    -- precipitation is what fell until then. So it is known when the next hour begins.
    {{ dbt_features.minutes_after(dbt_features.utc('time_hour'), 60) }} as known_at,
    cast(temp as {{ dbt.type_float() }}) as temperature_f,
    cast(dewp as {{ dbt.type_float() }}) as dew_point_f,
    cast(humid as {{ dbt.type_float() }}) as humidity_percent,
    cast(wind_dir as {{ dbt.type_float() }}) as wind_direction_degrees,
    cast(wind_speed as {{ dbt.type_float() }}) as wind_speed_mph,
    cast(wind_gust as {{ dbt.type_float() }}) as wind_gust_mph,
    cast(precip as {{ dbt.type_float() }}) as precipitation_inches,
    cast(pressure as {{ dbt.type_float() }}) as pressure_millibars,
    cast(visib as {{ dbt.type_float() }}) as visibility_miles
from {{ source('raw', 'weather') }}
