"""The statements of a deciding transaction: lock, load, save, history. One round trip each."""

from __future__ import annotations

LOCK = "select routing.lock($1::text[], $2::text[], $3::text[], $4::text[])"

LOAD = """
select
    (select json_agg(found)::text from (
        select l.lead_id, l.account_key, l.sequence, l.score_revision, to_json(a) as last,
               case when l.score_revision >= i.revision then l.scored end as scored,
               l.last_activity, l.last_activity_at, l.merged_into,
               (select to_json(b) from routing.attempts b
                where $3 = 'sdr' and b.lead_id = l.lead_id and b.role <> 'sdr'
                and b.status in ('assigned', 'reassigned', 'accepted', 'escalated')
                order by b.role desc limit 1) as later
        from unnest($1::uuid[], $2::int[]) as i (lead_id, revision)
        join routing.leads l using (lead_id)
        left join lateral (
            select * from routing.attempts a where a.lead_id = l.lead_id and a.role = $3
            order by a.cycle desc, a.attempt desc limit 1
        ) a on true
    ) found) as leads,
    (select json_agg(found)::text from (
        select account_key, lead_id, rep_id, pool, given_at as since,
               row_number() over (partition by account_key, rep_id order by given_at) as nth
        from routing.attempts
        where account_key = any($4::text[]) and role = $3 and rep_id is not null
          and status in ('assigned', 'reassigned', 'accepted', 'escalated')
    ) found where nth <= 5) as colleagues,
    (select json_agg(found)::text from (
        select pool, tier_group, member, count, entitlement
        from routing.turns where pool = any($5::text[])
    ) found) as turns,
    (select json_agg(found)::text from (
        select w.rep_id,
               (select count(*) from routing.attempts o where o.rep_id = w.rep_id
                and o.status in ('assigned', 'reassigned', 'escalated')
                and o.touched_at >= $11::timestamptz) as open,
               (select count(*) from routing.attempts g where g.rep_id = w.rep_id
                and g.given_at >= w.week and g.changed_at >= w.day
                and (g.turn->>'returned')::bool) as returned,
               (select coalesce(json_agg(grouped), '[]') from (
                    select pool, motion,
                           json_build_object(
                               'hour', count(*) filter (where given_at >= w.hour),
                               'day', count(*) filter (where given_at >= w.day),
                               'week', count(*) filter (where given_at >= w.week)) as fixed,
                           json_build_object(
                               'hour', count(*) filter (where age < interval '1 hour'),
                               'day', count(*) filter (where age < interval '24 hours'),
                               'week', count(*) filter (where age < interval '168 hours')
                           ) as rolling
                    from (select pool, origin->>'motion' as motion, given_at,
                                 $10::timestamptz - given_at as age
                          from routing.attempts g
                          where g.rep_id = w.rep_id
                            and g.given_at >= least(w.week, $10::timestamptz - interval '168 hours')
                            and (turn is null or not (turn->>'returned')::bool)) g
                    group by pool, motion
               ) grouped) as given
        from unnest($6::text[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
            as w (rep_id, hour, day, week)
    ) found) as loads,
    (select json_agg(found)::text from (
        select p.pool, h.assignment_id, h.tier, h.received_at, h.excluded
        from unnest($5::text[]) as p (pool)
        cross join lateral (
            select assignment_id, tier, tier_rank, received_at,
                   excluded || unfit as excluded
            from routing.attempts h
            where h.pool = p.pool and h.status = 'held' and h.waits_for is null
              and h.offered_until is null
            order by h.tier_rank, h.received_at, h.assignment_id limit 20
        ) h
        order by p.pool, h.tier_rank, h.received_at, h.assignment_id
    ) found) as waiting,
    (select json_agg(found)::text from (
        select id, rep_id, kind, value, valid_from, valid_until, recorded_at, by, note
        from routing.rep_changes
        where superseded_at is null and (valid_until is null or valid_until > $10::timestamptz)
        order by id
    ) found) as overlays
"""

# The rows of one insert are written in the order of the document: the attempt that ends before the
# one that takes its place, as the index on the active attempt needs it.
SAVE = """
with saved_leads as (
    insert into routing.leads as l
    select * from json_populate_recordset(null::routing.leads, ($1::text)::json)
    on conflict (lead_id) do update set
        sequence = excluded.sequence,
        score_revision = excluded.score_revision,
        scored = coalesce(excluded.scored, l.scored),
        last_activity = coalesce(excluded.last_activity, l.last_activity),
        last_activity_at = coalesce(excluded.last_activity_at, l.last_activity_at),
        merged_into = coalesce(excluded.merged_into, l.merged_into),
        erased_at = null
), saved_attempts as (
    insert into routing.attempts
    select * from json_populate_recordset(null::routing.attempts, ($2::text)::json)
    on conflict (assignment_id) do update set
        origin = excluded.origin,
        received_at = excluded.received_at,
        status = excluded.status,
        tier = excluded.tier,
        tier_rank = excluded.tier_rank,
        rep_id = excluded.rep_id,
        pool = excluded.pool,
        reason = excluded.reason,
        rule_path = excluded.rule_path,
        config_version = excluded.config_version,
        changed_at = excluded.changed_at,
        touched_at = excluded.touched_at,
        given_at = excluded.given_at,
        excluded = excluded.excluded,
        unfit = excluded.unfit,
        held_since = excluded.held_since,
        held_until = excluded.held_until,
        turn = excluded.turn,
        waits_for = excluded.waits_for,
        worked_at = excluded.worked_at,
        closed_by = excluded.closed_by,
        qualified_at = excluded.qualified_at,
        experiments = excluded.experiments,
        offered_until = excluded.offered_until,
        diverted = excluded.diverted,
        owner_class = excluded.owner_class
), saved_turns as (
    insert into routing.turns
    select * from json_populate_recordset(null::routing.turns, ($3::text)::json)
    on conflict (pool, tier_group, member) do update set
        weight = excluded.weight,
        count = excluded.count,
        entitlement = excluded.entitlement
), saved_overlays as (
    insert into routing.overlays (key, overlays)
    select $4::text, ($5::text)::json where $4::text is not null
    on conflict (key) do nothing
)
select
"""

HISTORY = """
told as (
    insert into routing.history (
        lead_id, sequence, assignment_id, role, cycle, attempt, at, status, rep_id, pool, reason,
        rule_path, config_version, submission_id, ended, record)
    select lead_id, sequence, assignment_id, role, cycle, attempt, at, status, rep_id, pool, reason,
           rule_path, config_version, submission_id, ended, record::json
    from rows from (
        json_to_recordset(($1::text)::json) as (
            lead_id uuid, sequence int, assignment_id uuid, role text, cycle int, attempt int,
            at timestamptz, status text, rep_id text, pool text, reason text, rule_path text,
            config_version text, submission_id uuid, ended text),
        unnest($2::text[])
    ) as h (lead_id, sequence, assignment_id, role, cycle, attempt, at, status, rep_id, pool,
            reason, rule_path, config_version, submission_id, ended, record)
)
"""

ATTEMPTS = """
select coalesce(json_agg(a)::text, '[]')
from routing.attempts a where a.assignment_id = any($1::uuid[])
"""

QUEUES = """
select pool, count(*)::int as held, min(held_since) as oldest,
       (count(*) filter (where held_until <= $1))::int as overdue
from routing.attempts where status = 'held' group by pool order by pool
"""

HELD = """
(select assignment_id, lead_id, account_key, role from routing.attempts
 where status = 'held' and pool = $1 and waits_for is null and offered_until is null
 order by tier_rank, received_at, assignment_id limit $2)
union
(select assignment_id, lead_id, account_key, role from routing.attempts
 where status = 'held' and pool = $1 and held_until <= $3
 order by tier_rank, received_at, assignment_id limit 200)
"""
