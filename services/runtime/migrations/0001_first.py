"""The installation itself, API keys, and the register of configuration versions."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

DDL = """
create table handraise.installation (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid(),
    created_at timestamptz not null default now(),
    -- of the secret that lead ids are made with; null until a service has started
    secret_fingerprint text,
    -- synthetic leads may be written here (handraise replay)
    sandbox boolean not null default false,
    -- the oldest code that understands this schema
    min_code_version integer not null default 1
);
insert into handraise.installation default values;

create table handraise.api_keys (
    id text primary key,
    name text not null,
    secret_hash bytea not null check (length(secret_hash) = 32),
    scopes text[] not null check (cardinality(scopes) > 0),
    publishable boolean not null default false,
    source text,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    last_used_at timestamptz,
    -- what stands in the source of a web page may do one thing, in the name of one source
    check (not publishable or (source is not null and scopes = '{leads:write}'))
);

create table handraise.api_key_audit (
    id bigint generated always as identity primary key,
    key_id text not null references handraise.api_keys (id),
    action text not null check (action in ('created', 'revoked', 'used')),
    actor text,
    at timestamptz not null default now()
);
create index api_key_audit_by_key on handraise.api_key_audit (key_id, id);

create table handraise.config_versions (
    version text primary key,
    files jsonb not null,
    created_at timestamptz not null default now()
);

create table handraise.config_audit (
    id bigint generated always as identity primary key,
    version text not null references handraise.config_versions (version),
    author text not null,
    note text not null,
    at timestamptz not null default now()
);

create table handraise.config_active (
    singleton boolean primary key default true check (singleton),
    version text not null references handraise.config_versions (version),
    at timestamptz not null default now()
);

-- The active version, under the lock that a publish needs for itself. Advisory and not FOR SHARE:
-- row locks let readers pass a waiting writer (a busy stage would starve a publish) and write to
-- disk. Volatile PL/pgSQL: the select has a snapshot of its own, taken after the lock was granted.
create function handraise.locked_config_version() returns text
language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('handraise.config', 0));
    return (select version from handraise.config_active);
end
$$;
"""


def upgrade() -> None:
    op.execute(DDL)
