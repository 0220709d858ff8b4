{#
  A day is looked at with the days before it, and each day of a range by itself: so a day has the
  same sessions whether it is built alone or with others.
#}

{% macro sessions(relation, keys, at, gap_minutes, days_before=1, day=none) %}
{%- set keys = [keys] if keys is string else keys -%}
{%- set day = day or 'cast(' ~ at ~ ' as date)' -%}
{%- set earlier = 'partition by as_of_day, ' ~ keys | join(', ') ~ ' order by ' ~ at -%}
(
    select
        events.*,
        moments.session_started_at
    from (select * from {{ relation }} where {{ dbt_features.days_being_built(day) }}) as events
    left join (
        select
            as_of_day,
            {{ keys | join(', ') }},
            {{ at }},
            max(case when begins then {{ at }} end) over ({{ earlier }}) as session_started_at
        from (
            select
                *,
                coalesce(
                    {{ at }} > {{ dbt_features.minutes_after('lag(' ~ at ~ ') over (' ~ earlier ~ ')', gap_minutes) }},
                    true
                ) as begins
            from (
                select distinct
                    spine.as_of_day,
                    {{ keys | join(', ') }},
                    {{ at }}
                from {{ dbt_features.day_spine(relation, day) }} as spine
                inner join {{ relation }} as history
                    on {{ day }} <= spine.as_of_day
                    and {{ day }} >= cast({{ dbt.dateadd('day', -days_before, 'spine.as_of_day') }} as date)
                where {{ dbt_features.days_being_built(day, days_before=days_before) }}
            ) as distinct_moments
        ) as marked
    ) as moments
        on moments.as_of_day = cast(events.{{ at }} as date)
        and moments.{{ at }} = events.{{ at }}
        {%- for key in keys %}
        and moments.{{ key }} = events.{{ key }}
        {%- endfor %}
)
{%- endmacro %}
