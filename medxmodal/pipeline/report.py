"""`report`: documents from explanation records alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medxmodal.pipeline.explain import ExplanationsView
    from medxmodal.progress import Progress
    from medxmodal.reporting import Identity, ReportSummary


def report(
    explanations: ExplanationsView | str | Path,
    out: str | Path | None = None,
    *,
    fmt: str = "html",
    keys: str | Path | None = None,
    progress: Progress | None = None,
) -> ReportSummary:
    """Write one page a study and an index over them. Needs neither the run, nor the data, nor torch.

    Args:
        explanations: Explanations or their folder.
        out: The report's folder; by default beside the explanations, with `-report` after its name.
        fmt: `html` in this version.
        keys: The keys folder of a keyed cohort: pages then show the real ids.
        progress: Called with words, done and total.

    Returns:
        Where the index and the pages are, and which studies could not be reported.

    Raises:
        ReportError: There are no explanations, or the folder holds other things.
        PrivacyError: The keys folder has no crosswalk.

    Example:
        `mx.report("explanations").index`
    """
    from medxmodal.reporting import write_report

    folder = Path(explanations if isinstance(explanations, str | Path) else explanations.folder)
    target = Path(out) if out is not None else folder.with_name(f"{folder.name}-report")
    identities = None if keys is None else _identities(folder, Path(keys))
    return write_report(folder, target, fmt=fmt, identities=identities, progress=progress)


def _identities(folder: Path, keys: Path) -> dict[str, Identity]:
    """Study pseudonym -> real ids, of the cohort that was explained."""
    from medxmodal.cohort.keys import read_crosswalk
    from medxmodal.errors import PrivacyError
    from medxmodal.reporting import Identity
    from medxmodal.reporting.folder import read_index

    index = read_index(folder)
    known = {entry.study_id for entry in index.entries}
    found = {
        line.study_id: Identity(study_id=line.real_study_id, patient_id=line.real_patient_id)
        for line in read_crosswalk(keys)
        if line.cohort == index.question.cohort and line.study_id in known
    }
    if not found:
        raise PrivacyError(
            f"the keys folder {keys} knows none of the {len(known)} studies",
            hint="Name the --keys folder that the cohort was built with.",
        )
    return found
