"""FHIR R4 as tables: bundles, bulk NDJSON, and servers."""
