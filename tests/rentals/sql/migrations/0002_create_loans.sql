-- A loan is a film that is out, or was. Two loans of one copy cannot overlap.
set local lock_timeout = '4s';

create table rentals.stores (
    store_id bigint generated always as identity primary key,
    city text not null
);

create table rentals.customers (
    customer_id bigint generated always as identity primary key,
    store_id bigint not null references rentals.stores (store_id),
    email text not null,
    name text not null,
    joined_on date not null,
    constraint customers_email_key unique (email)
);

create table rentals.copies (
    copy_id bigint generated always as identity primary key,
    film_id bigint not null references rentals.films (film_id),
    store_id bigint not null references rentals.stores (store_id)
);

create table rentals.loans (
    loan_id bigint generated always as identity primary key,
    copy_id bigint not null references rentals.copies (copy_id),
    customer_id bigint not null references rentals.customers (
        customer_id
    ),
    period tstzrange not null,
    due_at timestamptz not null,
    reminded_at timestamptz,
    constraint loans_period_excl exclude using gist (
        int8range(copy_id, copy_id, '[]') with &&,
        period with &&
    )
);
