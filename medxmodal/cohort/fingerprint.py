"""The fingerprint of a cohort: the same wherever and however its files lie.

It is a hash over what the spec means and over the content of every study (values, labels, hashes of
files), gathered by patient. Ids, paths, dates, the order of rows and wording do not enter it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from medxmodal.cohort.root import MADE
from medxmodal.cohort.spec.cohort_spec import CohortSpec
from medxmodal.cohort.study import FileReference, Study, Value, joined_sha256

_WORDING = {"title", "licence", "cite", "table", "tables", "ids"}


def study_content(study: Study) -> str:
    """Hash of what is known of a study: site, labels and inputs.

    Args:
        study: The study.

    Returns:
        SHA-256, hex.
    """
    inputs = {
        modality: {name: _plain(value) for name, value in fields.items() if value is not None}
        for modality, fields in study.inputs.items()
    }
    known = {
        "site": study.site,
        "labels": dict(study.labels),
        "inputs": inputs,
        "problems": sorted(study.problems),
    }
    return _hash(known)


def cohort_fingerprint(spec: CohortSpec, studies: Sequence[Study], content: Sequence[str]) -> str:
    """Fingerprint of a cohort.

    Args:
        spec: Its spec.
        studies: Its studies.
        content: `study_content` of each.

    Returns:
        SHA-256, hex.
    """
    by_patient: dict[str, list[str]] = {}
    for study, known in zip(studies, content, strict=True):
        by_patient.setdefault(study.patient_id, []).append(known)
    return fingerprint_of(spec, by_patient.values())


def fingerprint_of(spec: CohortSpec, patients: Iterable[Sequence[str]]) -> str:
    """Fingerprint of a cohort.

    Args:
        spec: Its spec.
        patients: `study_content` of each patient's studies, in any order.

    Returns:
        SHA-256, hex.
    """
    # Without defaults, so that a key that a later version adds leaves old fingerprints as they are.
    said = spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    meaning = {key: value for key, value in said.items() if key not in _WORDING}
    for modality in meaning["modalities"].values():
        for key in ("file", "mask"):
            modality.pop(key, None)
    return _hash({"spec": meaning, "patients": sorted(sorted(group) for group in patients)})


def _plain(value: Value) -> object:
    if isinstance(value, FileReference):
        return _content(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _content(reference: FileReference) -> str:
    """Hash of a file; of inputs that the build made, of what they hold, however it was packed."""
    names = reference.locator.split("\n")
    if all(name.startswith(MADE) for name in names):
        return joined_sha256([name.removeprefix(MADE).partition(".")[0] for name in names])
    return reference.sha256


def _hash(tree: object) -> str:
    text = json.dumps(tree, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
