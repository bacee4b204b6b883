"""A cohort in numbers and in words."""
