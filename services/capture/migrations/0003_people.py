"""What each touch came by, and which domains take mail."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

DDL = """
-- A column with a constant default rewrites no row.
alter table capture.touches
    add column utm jsonb not null default '{}',
    add column click_ids jsonb not null default '{}';

-- Domains of addresses, and whether any mail server takes mail for them. Holds no address.
create table capture.mail_domains (
    domain text primary key,
    accepts boolean not null,
    checked_at timestamptz not null,
    expires_at timestamptz not null
);
create index mail_domains_in_order on capture.mail_domains (checked_at);

create or replace view capture.story as
    select t.lead_id, l.account_key, t.submission_id, t.touch, t.repeat, t.source, t.form_id,
           t.kind, t.motion, t.channel, t.lane, t.submitted_at, t.received_at, t.decided_at,
           l.touches, l.first_received_at, t.utm, t.click_ids
    from capture.touches t join capture.leads l using (lead_id);

-- What won a lead and what brought it last, by when the person acted: inbound and outbound alike.
create view capture.journey as
    select l.lead_id, l.account_key, l.touches,
           f.submission_id as first_submission_id, f.submitted_at as first_at,
           f.source as first_source, f.kind as first_kind, f.motion as first_motion,
           f.channel as first_channel, f.utm as first_utm, f.click_ids as first_click_ids,
           z.submission_id as last_submission_id, z.submitted_at as last_at,
           z.source as last_source, z.kind as last_kind, z.motion as last_motion,
           z.channel as last_channel, z.utm as last_utm, z.click_ids as last_click_ids
    from capture.leads l
    cross join lateral (
        select * from capture.touches t where t.lead_id = l.lead_id
        order by t.submitted_at, t.received_at, t.touch limit 1
    ) f
    cross join lateral (
        select * from capture.touches t where t.lead_id = l.lead_id
        order by t.submitted_at desc, t.received_at desc, t.touch desc limit 1
    ) z;
"""


def upgrade() -> None:
    op.execute(DDL)
