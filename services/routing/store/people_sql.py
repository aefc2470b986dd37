"""The statements about people: changes by command, what was told, seats."""

from __future__ import annotations

# The lock that publishing a configuration takes, too: every decision holds its shared side.
ALONE = "select pg_advisory_xact_lock(hashtextextended('handraise.config', 0))"

_COLUMNS = """
id, rep_id, kind, value, valid_from, valid_until, recorded_at, by, note, superseded_at,
superseded_by
"""

BELIEVED = f"""
select coalesce(json_agg(found)::text, '[]') from (
    select {_COLUMNS} from routing.rep_changes
    where case when $1::timestamptz is null then superseded_at is null
          else recorded_at <= $1 and (superseded_at is null or superseded_at > $1) end
      and ($2::text is null or rep_id = $2)
    order by id
) found
"""

HISTORY = f"""
select coalesce(json_agg(found)::text, '[]') from (
    select {_COLUMNS} from routing.rep_changes where rep_id = $1 order by id desc
) found
"""

RECORD = """
insert into routing.rep_changes
    (rep_id, kind, value, valid_from, valid_until, recorded_at, by, note)
values ($1, $2, ($3::text)::jsonb, $4, $5, $6, $7, $8) returning id
"""

SUPERSEDE = """
update routing.rep_changes set superseded_at = $2, superseded_by = $3
where id = any($1::bigint[]) and superseded_at is null returning id
"""

ONE_TELLER = "select pg_advisory_xact_lock(hashtextextended('routing.announced', 0))"

TOLD = "select rep_id, told::text as told, number from routing.people_told"

TELL = """
insert into routing.people_told (rep_id, told, number) values ($1, ($2::text)::jsonb, $3)
on conflict (rep_id) do update set told = excluded.told, number = excluded.number
"""

ANNOUNCED = "select version from routing.announced order by id desc limit 1"

ANNOUNCE = "insert into routing.announced (version) values ($1)"

SEAT = """
insert into routing.turns (pool, tier_group, member, weight, count, entitlement)
select pool, tier_group, member, weight, 0, 0
from unnest($1::text[], $2::text[], $3::text[], $4::int[]) as m (pool, tier_group, member, weight)
on conflict (pool, tier_group, member) do update set weight = excluded.weight
"""

UNSEAT = """
update routing.turns t set weight = 0
where weight <> 0 and not exists (
    select from unnest($1::text[], $2::text[], $3::text[]) as m (pool, tier_group, member)
    where (m.pool, m.tier_group, m.member) = (t.pool, t.tier_group, t.member))
"""

OPEN_ATTEMPTS = """
select assignment_id from routing.attempts
where rep_id = $1 and status in ('assigned', 'reassigned', 'accepted', 'escalated')
order by given_at, assignment_id limit $2
"""
