with days as (

    select distinct
        partition_date,
        tailnum
    from {{ ref('stg_flights') }}
    where tailnum is not null
        and {{ dbt_features.days_being_built('partition_date') }}

)

select
    days.partition_date,
    days.tailnum,
    cast(extract(year from days.partition_date) - planes.built_in as {{ dbt.type_float() }}) as plane_age_years,
    cast(planes.seats as {{ dbt.type_float() }}) as plane_seats,
    cast(planes.engines as {{ dbt.type_float() }}) as plane_engines
from days
inner join {{ ref('stg_planes') }} as planes
    on planes.tailnum = days.tailnum
