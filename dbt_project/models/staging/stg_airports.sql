select
    faa as airport,
    name,
    tzone as time_zone,
    cast(lat as {{ dbt.type_float() }}) as latitude_degrees,
    cast(lon as {{ dbt.type_float() }}) as longitude_degrees,
    cast(alt as {{ dbt.type_float() }}) as altitude_feet
from {{ source('raw', 'airports') }}
