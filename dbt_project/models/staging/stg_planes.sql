select
    tailnum,
    cast(year as {{ dbt.type_int() }}) as built_in,
    manufacturer,
    model,
    engine as engine_kind,
    cast(engines as {{ dbt.type_int() }}) as engines,
    cast(seats as {{ dbt.type_int() }}) as seats
from {{ source('raw', 'planes') }}
