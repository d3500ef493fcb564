"""Queries of films: search, pages, nested rows, top rows of a group, pivots, percentiles."""

from decimal import Decimal

from psycopg.types.range import Range
from rentals import films
from rentals.films import Cast, Offer, Player, Rating

from oadb import Database, Transaction


def titles(hits: list[films.Hit]) -> list[str]:
    return [hit.title for hit in hits]


def test_words_are_searched_in_titles_before_summaries(planted: Database) -> None:
    found = films.search(planted, words="ferry")

    assert titles(found) == ["Night Ferry", "Ferry to Goa", "Salt Harbour"]
    ranks = [hit.rank or 0 for hit in found]
    assert ranks == sorted(ranks, reverse=True)


def test_a_search_takes_phrases_and_excludes_words(planted: Database) -> None:
    assert titles(films.search(planted, words="ferry -goa")) == ["Night Ferry", "Salt Harbour"]
    assert titles(films.search(planted, words='"two umbrellas"')) == ["Two Umbrellas"]


def test_filters_of_a_search_hold_together(planted: Database) -> None:
    assert len(films.search(planted)) == 8
    assert titles(films.search(planted, ratings=[Rating.NC_17, Rating.PG_13])) == [
        "Lantern Street",
        "Night Ferry",
    ]
    assert titles(films.search(planted, extras=["trailer", "comments"])) == ["Monsoon Letters"]
    assert titles(films.search(planted, years=Range(2011, 2018))) == [
        "Night Ferry",
        "The Paper Tiger",
    ]
    assert titles(films.search(planted, actor="Asha Rao", extras=["comments"])) == [
        "Monsoon Letters"
    ]
    assert films.search(planted, actor="Asha Rao", words="ferry") == []


def test_a_search_without_words_has_no_rank(planted: Database) -> None:
    assert {hit.rank for hit in films.search(planted, ratings=[Rating.G])} == {None}


def test_pages_by_price_have_every_film_once(planted: Database) -> None:
    found: list[Offer] = []
    page = films.list_by_price(planted, limit=3)
    found += page
    while page.next is not None:
        page = films.list_by_price(planted, limit=3, cursor=page.next)
        found += page

    assert [offer.film_id for offer in found] == [8, 1, 6, 2, 5, 3, 7, 4]
    assert found == films.list_by_price(planted).rows


def test_films_have_their_cast_as_one_value(planted: Database) -> None:
    asha, ben = Player(1, "Asha Rao"), Player(2, "Ben Carver")

    assert films.list_with_cast(planted, [1, 7]) == [
        Cast("Lantern Street", None, []),
        Cast("Monsoon Letters", 1999, [asha, ben]),
    ]


def test_a_view_may_join_a_table_twice(planted: Database) -> None:
    found = {film.title: film for film in films.list_in_languages(planted)}

    dubbed = found["Lantern Street"]
    assert (dubbed.language, dubbed.original_language) == ("English", "French")
    assert dubbed.rating is Rating.PG_13
    assert found["Ferry to Goa"].original_language is None


def test_the_longest_films_of_each_category_are_listed(planted: Database) -> None:
    longest = films.list_longest(planted, each=2)

    assert [film for film in longest if film.category == "Drama"] == [
        ("Drama", "Lantern Street", 140),
        ("Drama", "Monsoon Letters", 120),
    ]
    assert [film.title for film in longest if film.category == "Travel"] == ["Quiet Engines"]
    assert ("Silent", None, None) in longest


def test_ratings_are_columns_of_a_pivot(planted: Database) -> None:
    assert films.count_ratings(planted) == [
        ("Comedy", 1, 1, 0, 0),
        ("Drama", 0, 1, 1, 1),
        ("Horror", 0, 0, 0, 1),
        ("Travel", 1, 1, 0, 0),
    ]


def test_items_of_arrays_are_counted(planted: Database) -> None:
    assert films.count_by_extra(planted) == [
        ("trailer", 4),
        ("comments", 2),
        ("deleted scenes", 2),
    ]


def test_percentiles_are_numbers_and_arrays(planted: Database) -> None:
    [general, parental, *_] = films.price_by_rating(planted)

    assert (general.rating, general.median, general.quartiles) == (Rating.G, 3.25, [2.875, 3.625])
    assert (parental.rating, parental.median, parental.usual_language_id) == (Rating.PG, 2.5, 1)


def test_films_that_were_never_rented_are_found(planted: Database) -> None:
    assert films.list_never_rented(planted) == [
        (6, "Ferry to Goa"),
        (7, "Lantern Street"),
        (8, "Quiet Engines"),
    ]


def test_labels_of_an_enum_may_be_words_and_have_an_order(planted: Database) -> None:
    rated = films.list_rated(planted, "PG")

    assert rated[:2] == [("Ferry to Goa", "G"), ("The Paper Tiger", "G")]
    assert {film.rating for film in rated} == {"G", "PG"}


def test_putting_a_film_says_whether_it_is_new(changing: Transaction) -> None:
    def put(title: str, released: int | None) -> films.Put:
        return films.put(
            changing,
            title,
            "A film",
            category_id=1,
            language_id=1,
            released=released,
            rating=Rating.R,
            price=Decimal("9.00"),
            extras=["trailer"],
        )

    first, again = put("Glass Houses", 2025), put("Glass Houses", None)

    assert (first.is_new, again.is_new) == (True, False)
    assert first.film_id == again.film_id
    assert put("Night Ferry", 2016) == (4, False)
    assert titles(films.search(changing, years=Range(2016, 2017))) == ["Night Ferry"]
