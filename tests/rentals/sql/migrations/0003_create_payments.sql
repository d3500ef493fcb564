-- depends: 0002_create_loans
set local lock_timeout = '4s';

create table rentals.payments (
    payment_id bigint        generated always as identity,
    loan_id    bigint        not null,
    amount     numeric(8, 2) not null,
    paid_at    timestamptz   not null,
    constraint payments_pkey primary key (payment_id, paid_at),
    constraint payments_loan_id_fkey
    foreign key (loan_id) references rentals.loans (loan_id) on delete cascade,
    constraint payments_amount_check check (amount > 0)
) partition by range (paid_at);

create table rentals.payments_2015_01 partition of rentals.payments
for values from ('2015-01-01 00:00:00Z') to ('2015-02-01 00:00:00Z');

create table rentals.payments_2015_02 partition of rentals.payments
for values from ('2015-02-01 00:00:00Z') to ('2015-03-01 00:00:00Z');

create table rentals.payments_2015_03 partition of rentals.payments
for values from ('2015-03-01 00:00:00Z') to ('2015-04-01 00:00:00Z');

create table rentals.payments_others partition of rentals.payments default;

create index payments_loan_id_idx on rentals.payments (loan_id);
