{#
  Each fact holds from when it became known until the next one of its key did. So an event falls
  into one such interval at most: no row is doubled, and none is sorted once per event.
#}

{% macro point_in_time_join(events, facts, keys, columns, event_time, known_at, max_age_days, prefix='', tie_breakers=[], strictly_before=false, day=none) %}
{%- set keys = [keys] if keys is string else keys -%}
{%- set columns = [columns] if columns is string else columns -%}
{%- set decided_by = ([tie_breakers] if tie_breakers is string else tie_breakers) + columns -%}
{%- set before, after = ('<', '>=') if strictly_before else ('<=', '>') -%}
(
    select
        events.*,
        {%- for column in columns %}
        intervals.{{ column }} as {{ prefix }}{{ column }},
        {%- endfor %}
        intervals.known_from as {{ prefix }}known_at
    from {{ events }} as events
    left join (
        select
            {{ keys | join(', ') }},
            {{ columns | join(', ') }},
            {{ known_at }} as known_from,
            lead({{ known_at }}) over (partition by {{ keys | join(', ') }} order by {{ known_at }}) as known_until
        from (
            select
                *,
                row_number() over (
                    partition by {{ keys | join(', ') }}, {{ known_at }}
                    order by {{ decided_by | join(' desc nulls last, ') }} desc nulls last
                ) as place_among_equals
            from {{ facts }}
            where {{ known_at }} is not null
                and {{ dbt_features.days_being_built(day or 'cast(' ~ known_at ~ ' as date)', days_before=max_age_days) }}
        ) as ranked
        where place_among_equals = 1
    ) as intervals
        on {% for key in keys %}intervals.{{ key }} = events.{{ key }}
        and {% endfor %}intervals.known_from {{ before }} events.{{ event_time }}
        and (intervals.known_until is null or intervals.known_until {{ after }} events.{{ event_time }})
        and {{ dbt_features.minutes_after('intervals.known_from', max_age_days * 1440) }} >= events.{{ event_time }}
)
{%- endmacro %}


{% test point_in_time(model, event_time, known_at, nothing_known=false) %}
select {{ event_time }}, {{ known_at }}
from {{ model }}
where {{ known_at }} > {{ event_time }}
    {%- if not nothing_known %}
    or {{ known_at }} is null
    {%- endif %}
{% endtest %}
