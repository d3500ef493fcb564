-- depends:
set local lock_timeout = '4s';

create schema jobs;

create table jobs.claims (
    task_id text collate "C" primary key,
    claimed_at timestamptz not null default now(),
    constraint claims_task_id_check check (length(task_id) between 1 and 200)
);

create index claims_claimed_at_idx on jobs.claims (claimed_at);

create table jobs.payouts (
    payout_id bigint generated always as identity primary key,
    order_id bigint not null,
    paid_at timestamptz not null default now()
);
