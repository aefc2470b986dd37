"""Who wants to hear nothing more; what a CRM says of people, of companies and of owners."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

DDL = """
-- By lead id, or by the token of an address or a number: the latest that somebody unsubscribed.
create table delivery.unsubscribed (
    person uuid primary key,
    at timestamptz not null
);

-- What a CRM calls the record of a lead.
alter table delivery.messages add column record text;
create index messages_of_record on delivery.messages (sink, record) where record is not null;
update delivery.messages m set record = (
    select d.ref from delivery.deliveries d
    where d.sink = m.sink and d.lead_id = m.subject and d.ref is not null
    order by d.done_at desc limit 1
);

-- People are told apart in a CRM by their addresses where teams.yaml gives no id.
alter table delivery.people add column email text;
alter table delivery.people add column active boolean not null default true;

-- Whom a CRM can make an owner; `system` names the external ids that these are.
create table delivery.crm_owners (
    system text not null,
    owner_id text not null,
    -- of the user who is this owner, where the CRM tells them apart
    user_id text,
    email text,
    name text not null,
    active boolean not null,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (system, owner_id)
);
create index crm_owners_by_email on delivery.crm_owners (system, lower(email));

-- How far a stream of a CRM was read; a reading that was stopped goes on at `page`.
create table delivery.crm_streams (
    sink text not null,
    stream text not null,
    read_until timestamptz,
    page text,
    -- when the reading that is under way began
    loading_since timestamptz,
    ran_at timestamptz,
    fault text,
    primary key (sink, stream)
);

-- What people changed there, and what came of it.
create table delivery.crm_changes (
    sink text not null,
    record text not null,
    owner_id text not null,
    lead_id uuid not null,
    assignment_id uuid not null,
    actor text,
    changed_at timestamptz not null,
    outcome text not null,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (sink, record, owner_id, assignment_id)
);
create index crm_changes_by_time on delivery.crm_changes (seen_at);
"""


def upgrade() -> None:
    op.execute(DDL)
