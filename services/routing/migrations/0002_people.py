"""What operators change about people by command, and whom a held lead is nothing for."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

DDL = """
-- Two times: valid_from and valid_until say when a change holds, recorded_at and superseded_at since
-- when it was known and until when it was believed. A row is only ever superseded, once.
create table routing.rep_changes (
    id bigint generated always as identity primary key,
    rep_id text not null,
    kind text not null check (kind in ('pause', 'leave', 'cap', 'left')),
    value jsonb not null,
    valid_from timestamptz not null,
    -- null: until another change
    valid_until timestamptz,
    recorded_at timestamptz not null,
    by text not null,
    note text not null,
    superseded_at timestamptz,
    superseded_by text,
    check (valid_until is null or valid_until > valid_from),
    check ((superseded_at is null) = (superseded_by is null))
);
create index rep_changes_of on routing.rep_changes (rep_id, id);
create index rep_changes_believed on routing.rep_changes (id) where superseded_at is null;

create function routing.only_superseded() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or old.superseded_at is not null
       or (to_jsonb(old) - 'superseded_at' - 'superseded_by')
          <> (to_jsonb(new) - 'superseded_at' - 'superseded_by') then
        raise exception 'routing.rep_changes is an audit trail: rows are superseded, never changed';
    end if;
    return new;
end $$;
create trigger only_superseded before update or delete on routing.rep_changes
    for each row execute function routing.only_superseded();

-- What people.v1 last told of each rep.
create table routing.people_told (
    rep_id text primary key,
    told jsonb not null,
    number bigint not null
);

-- Whom a held lead is nothing for (language, skill, territory): they do not keep others behind it.
alter table routing.attempts add column unfit text[] not null default '{}';
"""


def upgrade() -> None:
    op.execute(DDL)
