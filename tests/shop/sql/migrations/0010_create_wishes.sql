-- depends: 0009_create_parcels 0029_list_user_tables
-- What a user of the platform wants: the rows of one user, whatever a statement says.

set local lock_timeout = '4s';

create table shop.wishes (
    user_id bigint not null references oadb.users (user_id) on delete cascade,
    product_id bigint not null references shop.products (product_id) on delete cascade,
    note text,
    wished_at timestamptz not null default now(),
    constraint wishes_pkey primary key (user_id, product_id)
);

create index wishes_product_id_idx on shop.wishes (product_id);

insert into oadb.user_tables (schema_name, table_name)
values ('shop', 'wishes');

insert into oadb.role_privileges (schema_name, role_name, table_name, privileges)
values
('shop', 'oadb_app', 'customers', 'select, insert, update, delete'),
('shop', 'oadb_app', 'products', 'select, insert, update, delete'),
('shop', 'oadb_app', 'stock', 'select, insert, update, delete'),
('shop', 'oadb_app', 'orders', 'select, insert, update, delete'),
('shop', 'oadb_app', 'order_lines', 'select, insert, update, delete'),
('shop', 'oadb_app', 'order_totals', 'select'),
('shop', 'oadb_app', 'parcels', 'select, insert, update, delete'),
('shop', 'oadb_app', 'wishes', 'select, insert, update, delete'),
-- What a user may do with the own rows, and what everybody sees.
('shop', 'oadb_user', 'wishes', 'select, insert, update (note), delete'),
('shop', 'oadb_user', 'products', 'select');

call oadb.renew_privileges();
