"""A shop that rents films: queries as exercises for sample databases ask for them."""
