"""The parts of the embedded cohort's generator; `medxmodal.cohort.demo` is the entry."""
