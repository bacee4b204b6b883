"""A first cohort spec from a folder of one's own."""
