"""The cohort YAML: what a cohort is, as strict sections that read like a protocol."""

from medxmodal.cohort.spec.cohort_spec import CohortSpec

__all__ = ["CohortSpec"]
