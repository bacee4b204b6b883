"""What each command says of its result: a mapping for `--json`, and lines for a reader."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medxmodal.cohort import Cohort
    from medxmodal.cohort.engine.stream import Written
    from medxmodal.pipeline.demo import Demo
    from medxmodal.pipeline.evaluate import Evaluation
    from medxmodal.pipeline.explain import ExplanationsView
    from medxmodal.pipeline.run import Run
    from medxmodal.pipeline.score import Scores
    from medxmodal.records import InputCheck

Summary = dict[str, Any]


def demo(made: Demo) -> Summary:
    """Where everything lies, and how good the run is on new patients."""
    return {"folder": made.folder, "report": made.report, "auroc": made.auroc, "failed": made.failed}


def cohort(made: Written) -> Summary:
    """Counts of a cohort, and what failed."""
    flow, quality = made.flow, made.quality
    counts = {name: made.counts[name] for name in ("studies", "patients", "labelled", "positives")}
    return {
        "cohort": made.folder,
        "name": made.name,
        "fingerprint": made.fingerprint,
        "found": flow.found,
        "excluded": flow.excluded,
        "failed": flow.failed,
        **counts,
        "sites": made.counts["sites"],
        "modalities": made.counts["modalities"],
        "unusable": len({problem.study_id for problem in quality.problems}),
        "leak_suspects": [suspect.model_dump(mode="json") for suspect in quality.leak_suspects],
        "failures": {failed.study_id: failed.reason for failed in quality.failed},
    }


def cohort_text(summary: Summary) -> str:
    """The same for a reader."""
    there = ", ".join(f"{name} {count}" for name, count in summary["modalities"].items())
    lines = [
        f"{summary['name']}: {summary['found']} records, {summary['excluded']} excluded, "
        f"{summary['failed']} failed, {summary['studies']} studies of {summary['patients']} patients.",
        f"Label known in {summary['labelled']}, positive in {summary['positives']}. Present: {there}.",
    ]
    if summary["unusable"]:
        lines.append(f"{summary['unusable']} studies have a problem: see `medxmodal describe`.")
    suspects = summary["leak_suspects"]
    if suspects:
        first = ", ".join(f"{s['name']} ({s['auroc']:.2f})" for s in suspects[:3])
        lines.append(f"{len(suspects)} inputs tell the label suspiciously well alone: {first}.")
    return "\n".join([*lines, f"Wrote {summary['cohort']} (fingerprint {summary['fingerprint'][:12]})."])


def check_text(found: InputCheck) -> str:
    """Whether a cohort's inputs are still there."""
    lines = [f"{found.same} of {found.inputs} inputs are there unchanged."]
    gone = Counter((entry.use, entry.what) for entry in found.gone)
    lines += [f"{use}: {count} {what}" for (use, what), count in sorted(gone.items())]
    if found.spec_same is False:
        lines.append("The spec has changed since.")
    lines += [f"{name} was {change.then}, is {change.now}." for name, change in found.code.items()]
    if found.ok and not found.code:
        lines.append("Built again, the cohort would be the same.")
    return "\n".join(lines)


def run(made: Run) -> Summary:
    """What was trained, and every figure."""
    facts = made.record
    return {
        "run": made.folder,
        "fingerprint": facts.fingerprint,
        "preset": facts.preset,
        "members": len(facts.members),
        "studies": facts.cohort.studies,
        "failed": len(facts.failed),
        "failures": facts.failed,
        "said": facts.said,
        "metrics": made.metrics,
    }


def run_text(made: Run) -> str:
    """The figures, and where the run is."""
    from medxmodal.reporting import metrics_text

    return f"{metrics_text(made.metrics).rstrip()}\nWrote {made.folder}."


def evaluation(made: Evaluation) -> Summary:
    """Every figure, and on whom."""
    return {
        "cohort": made.cohort,
        "studies": made.studies,
        "positives": made.positives,
        "unlabelled": made.unlabelled,
        "failed": len(made.failed),
        "failures": made.failed,
        "metrics": made.metrics,
    }


def adaptation(made: Run) -> Summary:
    """What was done, with source-only beside it."""
    return {"run": made.folder, "fingerprint": made.record.fingerprint, **made.record.adaptation}


def adaptation_text(made: Run) -> str:
    """The same for a reader."""
    from medxmodal.reporting import metrics_text

    facts = made.record.adaptation
    how = str(facts["how"])
    lines = [f"{how[:1].upper()}{how[1:]}.", str(facts["verdict"])]
    if facts["figures"]:
        lines.append(metrics_text({made.record.task.name: facts["figures"]}).rstrip())
    return "\n".join([*lines, f"Wrote {made.folder}."])


def scores(made: Scores, studies: Cohort) -> Summary:
    """Counts, reasons of failures, and the AUROC where labels are known."""
    done = made.summary
    return {
        "scores": made.folder,
        "studies": done.studies,
        "scored": done.scored,
        "failed": done.failed,
        "abstained": done.abstained,
        "parts": done.parts,
        "seconds": round(done.seconds, 2),
        "auroc": _auroc(made, studies),
        "failures": done.failures,
    }


def _auroc(made: Scores, studies: Cohort) -> float | None:
    """Of the scored studies with a known label; None without both classes."""
    import numpy as np

    from medxmodal.statistics import auroc

    table = made.table()
    known = {study.study_id: study.labels.get(studies.spec.task) for study in studies}
    rows = table[table["status"] == "scored"]
    pairs = [
        (label, probability)
        for study, probability in zip(rows["study_id"], rows["probability"], strict=True)
        if (label := known.get(study)) is not None
    ]
    if len({label for label, _ in pairs}) < 2:
        return None
    labels, probability = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    return float(auroc(labels, probability))


def scores_text(summary: Summary) -> str:
    """The counts for a reader."""
    lines = [
        f"{summary['studies']} studies: {summary['scored']} scored, {summary['failed']} failed, "
        f"{summary['abstained']} abstained, in {summary['seconds']:.1f} s.",
        f"Wrote {summary['scores']} ({summary['parts']} parts).",
    ]
    if summary["auroc"] is not None:
        lines.insert(1, f"AUROC on the labelled ones {summary['auroc']:.3f}.")
    return "\n".join(lines)


def explanations(made: ExplanationsView) -> Summary:
    """How many were explained, and what failed."""
    entries = made.index.entries
    return {
        "explanations": made.folder,
        "studies": len(entries),
        "explained": len(entries) - len(made.failures),
        "failed": len(made.failures),
        "failures": made.failures,
    }


def explanations_text(summary: Summary) -> str:
    """The same for a reader."""
    folder = summary["explanations"]
    return (
        f"{summary['explained']} of {summary['studies']} studies explained, {summary['failed']} failed.\n"
        f"Wrote {folder}. Make pages of it: medxmodal report {folder} --out report"
    )
