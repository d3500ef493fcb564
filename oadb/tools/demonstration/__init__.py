"""The steps of ``oadb demo``, and the example data for them."""
