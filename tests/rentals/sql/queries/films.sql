-- Films. Bound in src/rentals/films.py.

-- name: load
copy rentals.films (
    title,
    summary,
    category_id,
    language_id,
    original_language_id,
    released,
    rating,
    minutes,
    price,
    extras
) from stdin;

-- name: put
-- Creates a film, or changes the one with its title. Only a new row has no deleting transaction.
insert into rentals.films as known (
    title,
    summary,
    category_id,
    language_id,
    released,
    rating,
    price,
    extras
)
values (
    :title,
    :summary,
    :category_id,
    :language_id,
    :released,
    :rating,
    :price,
    :extras
)
on conflict on constraint films_title_key do update
    set
        summary = excluded.summary,
        category_id = excluded.category_id,
        language_id = excluded.language_id,
        released = excluded.released,
        rating = excluded.rating,
        price = excluded.price,
        extras = excluded.extras
returning
    known.film_id,
    known.xmax = 0 as is_new;

-- name: search
-- By words of title and summary, as web searches take them, and by what else is given. Served by
-- films_words_idx.
select
    films.film_id,
    films.title,
    ts_rank(films.words, websearch_to_tsquery('english', :words)) as rank
from rentals.films
where
    true
    and films.words @@ websearch_to_tsquery('english', :words)          --? words
    and films.rating = any(:ratings)                                    --? ratings
    and films.extras @> :extras                                         --? extras
    and films.released::integer <@ :years::int4range                    --? years
    and exists (                                                        --? actor
        select 1                                                        --? actor
        from rentals.roles                                              --? actor
        inner join rentals.actors on roles.actor_id = actors.actor_id   --? actor
        where roles.film_id = films.film_id and actors.name = :actor    --? actor
    )                                                                   --? actor
order by
    rank desc nulls last,
    films.title asc;

-- name: list_by_price
-- Cheapest first, in pages.
select
    price,
    film_id,
    title
from rentals.films
where
    true
    and (price, film_id) > (:last_price, :last_film_id)    --? cursor
order by
    price,
    film_id
limit :limit;

-- name: list_with_cast
-- Each film with its cast as one value.
select
    films.title,
    films.released,
    coalesce(
        jsonb_agg(
            jsonb_build_object('actor_id', actors.actor_id, 'name', actors.name)
            order by actors.name
        ) filter (where actors.actor_id is not null),
        '[]'
    ) as actors
from rentals.films
left join rentals.roles on films.film_id = roles.film_id
left join rentals.actors on roles.actor_id = actors.actor_id
where films.film_id = any(:film_ids)
group by films.film_id
order by films.title;

-- name: list_in_languages
-- With the language that it was made in, if it was dubbed. The view joins one table twice.
select
    title,
    language,
    original_language,
    rating
from rentals.film_list
order by title;

-- name: list_longest
-- The longest of each category, also of one without films.
select
    categories.name as category,
    longest.title,
    longest.minutes
from rentals.categories
left join lateral (
    select
        films.title,
        films.minutes
    from rentals.films
    where
        films.category_id = categories.category_id
        and films.minutes is not null
    order by
        films.minutes desc,
        films.film_id asc
    limit :each
) as longest on true
order by
    category asc,
    longest.minutes desc;

-- name: count_ratings
-- A row for each category and a column for each rating.
select
    categories.name as category,
    count(*) filter (where films.rating = 'G') as g,
    count(*) filter (where films.rating = 'PG') as pg,
    count(*) filter (where films.rating = 'PG-13') as pg_13,
    count(*) filter (where films.rating in ('R', 'NC-17')) as adults
from rentals.categories
inner join rentals.films on categories.category_id = films.category_id
group by category
order by category;

-- name: count_by_extra
select
    extra.name,
    count(*) as films
from rentals.films
cross join unnest(films.extras) as extra (name)
group by extra.name
order by
    films desc,
    extra.name asc;

-- name: price_by_rating
select
    rating,
    percentile_cont(0.5) within group (order by price) as median,
    percentile_cont(array[0.25, 0.75]) within group (order by price) as quartiles,
    mode() within group (order by language_id) as usual_language_id
from rentals.films
group by rating
order by rating;

-- name: list_never_rented
-- grows: with the loans; for a report.
select
    films.film_id,
    films.title
from rentals.films
where
    not exists (
        select 1
        from rentals.copies
        inner join rentals.loans on copies.copy_id = loans.copy_id
        where copies.film_id = films.film_id
    )
order by films.film_id;

-- name: list_rated
select
    title,
    rating
from rentals.films
where rating <= :up_to
order by
    rating,
    title;
