"""A few dozen rows to begin with."""

from datetime import UTC, date, datetime
from decimal import Decimal

from psycopg.types.range import Range

from oadb import Database
from rentals import films, income, loans, people, shelves
from rentals.films import NewFilm, Rating

LANGUAGES = ("English", "Hindi", "French")
CATEGORIES = ("Drama", "Comedy", "Horror", "Travel", "Silent")
CITIES = ("Pune", "Delhi")

FILMS = (
    NewFilm("Monsoon Letters", "Letters lost in the rain find two sisters", 1, 1, 2, 1999,
            Rating.PG, 120, Decimal("2.50"), ["trailer", "comments"]),
    NewFilm("Salt Harbour", "A harbour town waits for its ferries", 1, 1, None, 2004,
            Rating.R, 95, Decimal("3.00"), ["trailer"]),
    NewFilm("The Paper Tiger", "A clerk is taken for a tiger", 2, 1, None, 2011,
            Rating.G, 88, Decimal("4.00"), []),
    NewFilm("Night Ferry", "Nobody leaves the ferry at night", 3, 1, None, 2015,
            Rating.NC_17, 101, Decimal("5.00"), ["deleted scenes"]),
    NewFilm("Two Umbrellas", "Rain, a bus stop and two umbrellas", 2, 3, None, 2018,
            Rating.PG, 110, Decimal("3.50"), ["trailer", "deleted scenes"]),
    NewFilm("Ferry to Goa", "Four friends miss it", 4, 2, None, 2020,
            Rating.G, None, Decimal("2.50"), []),
    NewFilm("Lantern Street", "A street without light for a year", 1, 1, 3, None,
            Rating.PG_13, 140, Decimal("4.50"), ["comments"]),
    NewFilm("Quiet Engines", "By sail around a continent", 4, 1, None, 2022,
            Rating.PG, 75, Decimal("2.00"), ["trailer"]),
)  # fmt: skip  # a table

ACTORS = ("Asha Rao", "Ben Carver", "Chen Li", "Dina Roy", "Emil Frost", "Farah Iqbal")
_ROLES = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (5, 4), (5, 5), (4, 5), (4, 6), (8, 1))

_CUSTOMERS = (
    (1, "meera@example.in", "Meera", date(2025, 11, 3)),
    (1, "noah@example.in", "Noah", date(2025, 11, 20)),
    (2, "omar@example.in", "Omar", date(2015, 1, 4)),
    (2, "priya@example.in", "Priya", date(2015, 1, 30)),
    (2, "quinn@example.in", "Quinn", date(2015, 3, 1)),
)

# Film and store.
_COPIES = ((1, 1), (1, 2), (2, 1), (3, 1), (4, 2), (5, 2), (8, 1))

# Copy, customer, and the days on which it was lent, due and taken back; None: it is out.
_LOANS = (
    (1, 1, (1, 2), (1, 6), (1, 5)),
    (3, 1, (1, 10), (1, 14), (1, 12)),
    (4, 2, (1, 15), (1, 18), (1, 20)),
    (1, 2, (2, 1), (2, 5), (2, 3)),
    (5, 3, (2, 5), (2, 10), (2, 9)),
    (6, 1, (2, 10), (2, 13), None),
    (2, 3, (3, 1), (3, 5), (3, 4)),
    (4, 4, (3, 3), (3, 6), None),
    (3, 2, (3, 5), (3, 9), (3, 6)),
)

# Loan, amount and day.
_PAYMENTS = (
    (1, "2.50", (1, 2)),
    (2, "3.00", (1, 10)),
    (3, "4.00", (1, 15)),
    (3, "2.00", (1, 20)),
    (4, "2.50", (2, 1)),
    (5, "5.00", (2, 5)),
    (7, "2.50", (3, 1)),
    (8, "4.00", (3, 3)),
    (9, "3.00", (3, 5)),
)


def noon(month: int, day: int) -> datetime:
    """Return noon of a day of 2015."""
    return datetime(2015, month, day, 12, tzinfo=UTC)


def plant(db: Database) -> None:
    """Store all rows in empty tables."""
    shelves.create_language.many(db, [(name,) for name in LANGUAGES])
    shelves.create_category.many(db, [(name,) for name in CATEGORIES])
    shelves.create_store.many(db, [(city,) for city in CITIES])
    films.load(db, FILMS)
    people.load_actors(db, map(people.NewActor, ACTORS))
    people.load_roles(db, (people.Role(film, actor) for film, actor in _ROLES))
    people.create.many(db, _CUSTOMERS)
    loans.load_copies(db, (loans.NewCopy(film, store) for film, store in _COPIES))
    loans.load(
        db,
        (
            loans.NewLoan(copy, customer, Range(noon(*lent), ended and noon(*ended)), noon(*due))
            for copy, customer, lent, due, ended in _LOANS
        ),
    )
    income.load(
        db,
        (income.NewPayment(loan, Decimal(amount), noon(*day)) for loan, amount, day in _PAYMENTS),
    )
