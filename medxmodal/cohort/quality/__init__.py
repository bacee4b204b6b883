"""What is wrong with a cohort, and what may give its label away."""
