-- What films are sorted by. Bound in src/rentals/shelves.py.

-- name: create_language
insert into rentals.languages (name)
values (:name)
returning language_id;

-- name: create_category
insert into rentals.categories (name)
values (:name)
returning category_id;

-- name: create_store
insert into rentals.stores (city)
values (:city)
returning store_id;
