set local lock_timeout = '4s';

create schema rentals;

create domain rentals.release_year as integer
constraint release_year_check check (value between 1890 and 2100);

create type rentals.rating as enum ('G', 'PG', 'PG-13', 'R', 'NC-17');

create table rentals.languages (
    language_id bigint generated always as identity primary key,
    name        text   not null,
    constraint languages_name_key unique (name)
);

create table rentals.categories (
    category_id bigint generated always as identity primary key,
    name        text   not null,
    constraint categories_name_key unique (name)
);

create table rentals.films (
    film_id              bigint         generated always as identity,
    title                text           not null,
    summary              text           not null,
    category_id          bigint         not null,
    language_id          bigint         not null,
    original_language_id bigint,
    released             rentals.release_year,
    rating               rentals.rating not null default 'G',
    minutes              smallint,
    price                numeric(6, 2)  not null,
    extras               text[]         not null default '{}',
    words                tsvector       generated always as (
        setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', summary), 'B')
    ) stored,
    constraint films_pkey primary key (film_id),
    constraint films_category_id_fkey
    foreign key (category_id) references rentals.categories (category_id),
    constraint films_language_id_fkey
    foreign key (language_id) references rentals.languages (language_id),
    constraint films_original_language_id_fkey
    foreign key (original_language_id) references rentals.languages (language_id),
    constraint films_title_key unique (title),
    constraint films_price_check check (price > 0)
);

create index films_words_idx on rentals.films using gin (words);

create table rentals.actors (
    actor_id bigint generated always as identity primary key,
    name     text   not null
);

create table rentals.roles (
    film_id  bigint not null,
    actor_id bigint not null,
    constraint roles_film_id_fkey foreign key (film_id) references rentals.films (film_id),
    constraint roles_actor_id_fkey foreign key (actor_id) references rentals.actors (actor_id),
    constraint roles_pkey primary key (film_id, actor_id)
);

comment on constraint films_category_id_fkey on rentals.films is
'grows: categories stay.';

comment on constraint films_language_id_fkey on rentals.films is
'grows: languages stay.';

comment on constraint films_original_language_id_fkey on rentals.films is
'grows: languages stay.';

comment on constraint roles_actor_id_fkey on rentals.roles is
'grows: actors stay.';
