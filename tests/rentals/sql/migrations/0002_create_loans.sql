-- depends: 0001_create_films
-- A loan is a film that is out, or was. Two loans of one copy cannot overlap.
set local lock_timeout = '4s';

create table rentals.stores (
    store_id bigint generated always as identity primary key,
    city     text   not null
);

create table rentals.customers (
    customer_id bigint generated always as identity primary key,
    store_id    bigint not null,
    email       text   not null,
    name        text   not null,
    joined_on   date   not null,
    constraint customers_store_id_fkey
    foreign key (store_id) references rentals.stores (store_id),
    constraint customers_email_key unique (email)
);

create table rentals.copies (
    copy_id  bigint generated always as identity primary key,
    film_id  bigint not null,
    store_id bigint not null,
    constraint copies_film_id_fkey foreign key (film_id) references rentals.films (film_id),
    constraint copies_store_id_fkey foreign key (store_id) references rentals.stores (store_id)
);

create table rentals.loans (
    loan_id     bigint      generated always as identity primary key,
    copy_id     bigint      not null,
    customer_id bigint      not null,
    period      tstzrange   not null,
    due_at      timestamptz not null,
    reminded_at timestamptz,
    constraint loans_copy_id_fkey foreign key (copy_id) references rentals.copies (copy_id),
    constraint loans_customer_id_fkey
    foreign key (customer_id) references rentals.customers (customer_id),
    constraint loans_period_excl exclude using gist (
        int8range(copy_id, copy_id, '[]') with &&,
        period with &&
    )
);

comment on constraint customers_store_id_fkey on rentals.customers is
'grows: a store that closes keeps its row.';

comment on constraint copies_film_id_fkey on rentals.copies is
'grows: films stay.';

comment on constraint copies_store_id_fkey on rentals.copies is
'grows: a store that closes keeps its row.';

comment on constraint loans_copy_id_fkey on rentals.loans is
'grows: a lost copy keeps its row.';

comment on constraint loans_customer_id_fkey on rentals.loans is
'grows: customers are never deleted.';
