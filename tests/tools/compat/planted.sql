-- What a migration may do to a statement that was made for the schema before it, in a section each:
-- the schema of the old release, a statement of it, the migration, and what must be told. Where
-- nothing is told, the change is safe.

-- case: a column is gone
create table kiosk.gone (id bigint primary key, note text);
-- declared: list_gone() -> list[Note]
select gone.id, gone.note from kiosk.gone;
-- migration
alter table kiosk.gone drop column note;
-- told: the server rejects the statement: column gone.note does not exist

-- case: a column is required that an insert leaves out
create table kiosk.required (id bigint primary key);
-- declared: add_required(id: int) -> None
insert into kiosk.required (id) values (:id);
-- migration
alter table kiosk.required add column kind text not null;
-- told: kiosk.required.kind must not be null and is left out

-- case: a column is required that an insert into a view leaves out
create table kiosk.hidden (id bigint primary key);
create view kiosk.inner_view as select hidden.id from kiosk.hidden;
create view kiosk.outer_view as select inner_view.id from kiosk.inner_view;
-- declared: add_hidden(id: int) -> None
insert into kiosk.outer_view (id) values (:id);
-- migration
alter table kiosk.hidden add column kind text not null;
-- told: kiosk.hidden.kind must not be null and is left out

-- case: a check requires a column that an insert leaves out
create table kiosk.checked_null (id bigint primary key, kind text);
-- declared: add_checked_null(id: int) -> None
insert into kiosk.checked_null (id) values (:id);
-- migration
alter table kiosk.checked_null
add constraint kind_check check (kind is not null) not valid;
-- told: kiosk.checked_null.kind must not be null and is left out

-- case: a column is required that an insert may write as null
create table kiosk.maybe (id bigint primary key, kind text);
-- declared: add_maybe(id: int, kind: str | None) -> None
insert into kiosk.maybe (id, kind) values (:id, :kind);
-- migration
alter table kiosk.maybe alter column kind set not null;
-- told: kiosk.maybe.kind must not be null, and may be written as null

-- case: a column is required that an update may write as null
create table kiosk.unset (id bigint primary key, kind text);
-- declared: set_unset(id: int, kind: str) -> None
update kiosk.unset set kind = nullif(:kind, '') where id = :id;
-- migration
alter table kiosk.unset alter column kind set not null;
-- told: kiosk.unset.kind must not be null, and may be written as null

-- case: a copy leaves out a required column
create table kiosk.copied (id bigint, kind text);
-- declared: store_copied(blocks: Iterable[bytes]) -> Affected
copy kiosk.copied (id) from stdin;
-- migration
alter table kiosk.copied alter column kind set not null;
-- told: kiosk.copied.kind must not be null and is left out

-- case: a default is gone
create table kiosk.defaulted (id bigint primary key, kind text default 'plain');
-- declared: add_defaulted(id: int) -> None
insert into kiosk.defaulted (id) select :id::bigint;
-- migration
alter table kiosk.defaulted alter column kind drop default;
-- told: kiosk.defaulted.kind is left out, and null instead of 'plain'::text

-- case: a check is new
create table kiosk.checked (id bigint primary key, amount bigint not null);
-- declared: set_checked(id: int, amount: int) -> Affected
update kiosk.checked set amount = :amount where checked.id = :id;
-- migration
alter table kiosk.checked add constraint amount_check check (amount > 0);
-- told: kiosk.checked.amount is checked: CHECK (amount > 0) (amount_check)

-- case: a check takes less
create table kiosk.tighter (id bigint primary key, kind text check (kind in ('a', 'b')));
-- declared: add_tighter(id: int, kind: str) -> None
insert into kiosk.tighter (id, kind) values (:id, :kind);
-- migration
alter table kiosk.tighter
drop constraint tighter_kind_check,
add constraint tighter_kind_check check (kind in ('a', 'c'));
-- told: kiosk.tighter.kind is checked:

-- case: what is written may not repeat any more
create table kiosk.unique_code (id bigint primary key, code text not null);
-- declared: add_code(id: int, code: str) -> None
insert into kiosk.unique_code (id, code) values (:id, :code);
-- migration
create unique index code_idx on kiosk.unique_code (lower(code));
-- told: kiosk.unique_code.code may not repeat:

-- case: the rule is gone that on conflict needs
create table kiosk.upserted (id bigint primary key, code text unique, hits bigint not null);
-- declared: put_upserted(id: int, code: str) -> None
insert into kiosk.upserted (id, code, hits) values (:id, :code, 1)
on conflict (code) do update set hits = upserted.hits + 1;
-- migration
alter table kiosk.upserted drop constraint upserted_code_key;
-- told: kiosk.upserted.code has no unique rule, which on conflict needs: UNIQUE (code)

-- case: a type takes less
create table kiosk.narrowed (id bigint primary key, code text);
-- declared: add_narrowed(id: int, code: str) -> None
insert into kiosk.narrowed (id, code) values (:id, :code);
-- migration
alter table kiosk.narrowed alter column code type varchar(8);
-- told: kiosk.narrowed.code is character varying(8), which takes fewer values than text

-- case: a domain takes less
create domain kiosk.percent as bigint check (value <= 100);
create table kiosk.shares (id bigint primary key, part kiosk.percent not null);
-- declared: add_share(id: int, part: int) -> None
insert into kiosk.shares (id, part) values (:id, :part);
-- migration
alter domain kiosk.percent add check (value > 0);
-- told: kiosk.shares.part is of the domain kiosk.percent, which takes fewer values

-- case: a column has the name of another one
create table kiosk.swapped (id bigint primary key, quantity bigint not null);
-- declared: list_swapped() -> list[int]
select swapped.quantity from kiosk.swapped;
-- migration
alter table kiosk.swapped rename column quantity to quantity_old;
alter table kiosk.swapped add column quantity bigint not null default 0;
-- told: kiosk.swapped.quantity is another column of the same name

-- case: a table has the name of another one
create table kiosk.moved (id bigint primary key);
-- declared: list_moved() -> list[int]
select moved.id from kiosk.moved;
-- migration
alter table kiosk.moved rename to moved_old;
create table kiosk.moved (id bigint primary key);
-- told: kiosk.moved is another table of the same name

-- case: a label of an enum is gone
create type kiosk.state as enum ('open', 'lost');
create table kiosk.parcels (id bigint primary key, state kiosk.state not null);
-- declared: set_state(id: int, state: Literal["open", "lost"]) -> None
update kiosk.parcels set state = :state where parcels.id = :id;
-- migration
create type kiosk.states as enum ('open');
alter table kiosk.parcels alter column state type kiosk.states using state::text::kiosk.states;
-- told: parameter state is declared as str; the server expects states, which has no label 'lost'

-- case: a text is allowed that the class of the result does not know
create table kiosk.texts (id bigint primary key, kind text not null check (kind in ('a', 'b')));
-- declared: list_texts() -> list[Kind]
select texts.kind from kiosk.texts;
-- migration
alter table kiosk.texts
drop constraint texts_kind_check,
add constraint texts_kind_check check (kind in ('a', 'b', 'c'));
-- told: kiosk.texts.kind may be 'c', and the class of the result lists a, b

-- case: what is written must refer to a row
create table kiosk.shops (id bigint primary key);
create table kiosk.sales (id bigint primary key, shop_id bigint);
-- declared: add_sale(id: int, shop_id: int) -> None
insert into kiosk.sales (id, shop_id) values (:id, :shop_id);
-- migration
alter table kiosk.sales
add constraint sales_shop_id_fkey foreign key (shop_id) references kiosk.shops (id);
-- told: kiosk.sales.shop_id must refer to a row:

-- case: rows of a new table keep others from being deleted
create table kiosk.rooms (id bigint primary key);
-- declared: delete_room(id: int) -> Affected
delete from kiosk.rooms where rooms.id = :id;
-- migration
create table kiosk.beds (id bigint primary key, room_id bigint references kiosk.rooms (id));
-- told: kiosk.beds.room_id keeps rows of kiosk.rooms from being deleted:

-- case: a trigger raises
create table kiosk.guarded (id bigint primary key, amount bigint);
-- declared: add_guarded(id: int) -> None
insert into kiosk.guarded (id) values (:id);
-- migration
create function kiosk.guard() returns trigger language plpgsql as $$
begin
    if new.amount is null then
        raise not_null_violation;
    end if;
    return new;
end
$$;
create trigger guards before insert on kiosk.guarded for each row execute function kiosk.guard();
-- told: kiosk.guarded has a trigger that may refuse rows: raise not_null_violation; (kiosk.guard)

-- case: a privilege is revoked
create table kiosk.granted (id bigint primary key, code text);
grant select on kiosk.granted to public;
-- declared: list_granted() -> list[Code]
select granted.id, granted.code from kiosk.granted;
-- migration
revoke select on kiosk.granted from public;
grant select (id) on kiosk.granted to public;
-- told: kiosk.granted.code may not be used by public: without the privilege select

-- case: row-level security is enabled
create table kiosk.walled (id bigint primary key);
-- declared: list_walled() -> list[int]
select walled.id from kiosk.walled;
-- migration
alter table kiosk.walled enable row level security;
-- told: kiosk.walled has other row-level security

-- case: a function has another signature
create function kiosk.total(id bigint) returns bigint language sql as 'select 1::bigint';
-- declared: get_total(id: int) -> int
select kiosk.total(:id) as total;
-- migration
drop function kiosk.total(bigint);
create function kiosk.total(id bigint, kind text) returns bigint language sql
as 'select 1::bigint';
-- told: the server rejects the statement: function kiosk.total(unknown) does not exist

-- case: a function has another result
create function kiosk.average(id bigint) returns bigint language sql as 'select 1::bigint';
-- declared: get_average(id: int) -> int
select kiosk.average(:id) as average;
-- migration
drop function kiosk.average(bigint);
create function kiosk.average(id bigint) returns numeric language sql as 'select 1::numeric';
-- told: column average is declared as int, but is numeric

-- case: a view has fewer columns
create table kiosk.seen (id bigint primary key, code text);
create view kiosk.views as select seen.id, seen.code from kiosk.seen;
-- declared: list_views() -> list[Note]
select views.id, views.code as note from kiosk.views;
-- migration
drop view kiosk.views;
create view kiosk.views as select seen.id from kiosk.seen;
-- told: the server rejects the statement: column views.code does not exist

-- case: a column may be null that the class takes for never null
create table kiosk.nullable (id bigint primary key, code text not null);
-- declared: list_nullable() -> list[Code]
select nullable.id, nullable.code from kiosk.nullable;
-- migration
alter table kiosk.nullable alter column code drop not null;
-- told: column code is declared as str, but may be null

-- case: a policy is stricter
create table kiosk.ruled (id bigint primary key);
alter table kiosk.ruled enable row level security;
create policy everybody on kiosk.ruled using (true);
-- declared: list_ruled() -> list[int]
select ruled.id from kiosk.ruled;
-- migration
create policy positive on kiosk.ruled as restrictive using (ruled.id > 0);
-- told: kiosk.ruled has another policy: positive

-- case: a trigger that was there raises
create table kiosk.watched (id bigint primary key);
create function kiosk.watch() returns trigger language plpgsql as 'begin return new; end';
create trigger watches after delete on kiosk.watched
for each row execute function kiosk.watch();
-- declared: delete_watched(id: int) -> Affected
delete from kiosk.watched where watched.id = :id;
-- migration
create or replace function kiosk.watch() returns trigger language plpgsql
as 'begin raise exception $x$no$x$; end';
-- told: kiosk.watched has a trigger that may refuse rows: raise exception $x$no$x$; (kiosk.watch)

-- case: a type of many values has a new label
create type kiosk.mood as enum ('good', 'bad');
create table kiosk.moods (id bigint primary key, mood kiosk.mood not null);
-- declared: list_moods() -> list[Mood]
select moods.mood from kiosk.moods;
-- migration
alter type kiosk.mood add value 'fair';
-- told: column mood is declared as str, but is mood, whose 'fair' is no member

-- case: a nullable column is added
create table kiosk.grown (id bigint primary key);
-- declared: add_grown(id: int) -> None
insert into kiosk.grown (id) values (:id);
-- migration
alter table kiosk.grown add column note text;

-- case: a required column with a default is added
create table kiosk.filled (id bigint primary key);
-- declared: add_filled(id: int) -> None
insert into kiosk.filled (id) values (:id);
-- migration
alter table kiosk.filled add column kind text not null default 'plain';

-- case: a table is added that follows another one
create table kiosk.owners (id bigint primary key);
-- declared: delete_owner(id: int) -> Affected
delete from kiosk.owners where owners.id = :id;
-- migration
create table kiosk.pets (
    id bigint primary key,
    owner_id bigint references kiosk.owners (id) on delete cascade
);

-- case: an index is added
create table kiosk.indexed (id bigint primary key, code text);
-- declared: list_indexed() -> list[int]
select indexed.id from kiosk.indexed order by indexed.code;
-- migration
create index code_order_idx on kiosk.indexed (code);

-- case: a check takes more
create table kiosk.wider (
    id bigint primary key,
    kind text constraint kinds check (kind in ('a', 'b')),
    amount bigint constraint amounts check (amount > 0 and amount <= 10)
);
-- declared: add_wider(id: int, kind: str, amount: int) -> None
insert into kiosk.wider (id, kind, amount) values (:id, :kind, :amount);
-- migration
alter table kiosk.wider drop constraint kinds, drop constraint amounts;
alter table kiosk.wider
add constraint kinds check (kind in ('a', 'b', 'c')),
add constraint amounts check (amount > 0 and amount <= 100);

-- case: a column is never null any more
create table kiosk.sure (id bigint primary key, note text);
-- declared: list_sure() -> list[Note]
select sure.id, sure.note from kiosk.sure;
-- migration
alter table kiosk.sure alter column note set not null;

-- case: a required column was always written
create table kiosk.written (id bigint primary key, kind text, at timestamptz);
-- declared: add_written(id: int, kind: str) -> None
insert into kiosk.written (id, kind, at) values (:id, :kind, now());
-- migration
alter table kiosk.written alter column kind set not null, alter column at set not null;

-- case: a trigger keeps a second column
create table kiosk.kept (id bigint primary key, amount bigint);
-- declared: set_kept(id: int, amount: int) -> None
update kiosk.kept set amount = :amount where kept.id = :id;
-- migration
alter table kiosk.kept add column copy bigint;
create function kiosk.keep() returns trigger language plpgsql as $$
begin
    raise notice 'kept';
    new.copy := new.amount;
    return new;
end
$$;
create trigger keeps before insert or update on kiosk.kept
for each row execute function kiosk.keep();
