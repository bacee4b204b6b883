"""A draft from files alone: pictures, volumes or clips in folders, or one file of arrays."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from medxmodal.cohort.draft.files import is_mask, stem_of
from medxmodal.cohort.draft.label import LabelGuess, guess_label
from medxmodal.cohort.draft.profile import profile
from medxmodal.cohort.draft.survey import VOLUMES, Survey
from medxmodal.cohort.draft.yaml import GUESSED, Pages, flow, quoted
from medxmodal.cohort.sources.rows import Row, Table
from medxmodal.errors import MedxmodalError

_GENERIC = re.compile(
    r"(images?|img|imgs|pictures|pics|photos|scans?|volumes?|nifti|nii|data|raw|train\w*|val\w*|test\w*|training\w*|"
    r"frames?|videos?|clips?|ct|mr|mri|us|xray|x-ray|bilder|aufnahmen|images?(tr|ts))",
    re.IGNORECASE,
)
"""Folder names that tell of nobody."""
_CLASSES = re.compile(
    r"malig|benign|normal|abnormal|cancer|tumou?r|covid|pneumonia|healthy|control|disease|positive|negative|sick|"
    r"bösartig|gutartig|gesund|krank|(class|label|grade)[_ -]?\d|^[01]$",
    re.IGNORECASE,
)
MAX_LABELS = 32 << 20


def draft_arrays(data: Path, found: Survey, pages: Pages) -> bool:
    """Draft from an .npz of images or volumes; False where none can be read."""
    from medxmodal.cohort.sources.arrays import ArrayFile

    for path in found.arrays:
        try:
            with ArrayFile(data / path) as file:
                shape = next(iter(file.splits.values())).shape
                sizes = file.sizes
        except MedxmodalError:
            continue
        volume = len(shape) > 3 and shape[-1] not in {1, 3, 4}
        alone = len(found.arrays) == 1 and str(path.parent) == "."
        pages.line("table", {"arrays": "*.npz" if alone else str(path)})
        items = ", ".join(f"{count} of {split}" for split, count in sizes.items())
        pages.say(f"{path} holds {items}, each {' x '.join(map(str, shape[1:]))}, of a patient of its own.")
        if not alone and len(found.arrays) > 1:
            pages.say(f"{len(found.arrays)} array files are there; a spec reads one.")
        _array_label(data / path, list(sizes), pages)
        pages.put("site", "site: {value: here}  # guessed")
        pages.modality("volume" if volume else "image", {"kind": "volume" if volume else "image"})
        pages.put("leaks", f"leaks: [split]{GUESSED}")
        return True
    return False


def _array_label(path: Path, splits: Sequence[str], pages: Pages) -> None:
    import numpy as np

    values: list[str] = []
    with np.load(path, allow_pickle=False) as file:
        for split in splits:
            name = next((n for n in (f"{split}_labels", "labels") if n in file.files), None)
            try:
                labels = file[name] if name else None
            except ValueError:
                labels = None
            if labels is None or labels.nbytes > MAX_LABELS or labels.ndim == 0:
                continue
            first = labels.reshape(labels.shape[0], -1)
            values += [str(value) for value in first[:, 0].tolist()] if first.shape[1] else []
    counts = Counter(values)
    if not 1 < len(counts) <= 30:
        pages.put("label", "# label: {name: outcome, column: label, positive: ..., negative: ...}")
        pages.say("the arrays hold no labels of a few classes: the draft has none; add `label` by hand.")
        return
    shown = ", ".join(f"{value} ({count})" for value, count in sorted(counts.items()))
    if set(counts) == {"0", "1"}:
        tree = {"name": "label", "column": "label", "positive": "1", "negative": "0"}
        pages.say(f"'label' is the label, 1 against 0: {shown}; say under `name` what it means.")
    else:
        chosen = sorted(counts)[-1]
        tree = {"name": "label", "where": f"label == {quoted(chosen)}"}
        pages.say(f"'label' has several classes: {shown}; the draft asks for {chosen} against all others.")
    pages.line("label", tree)


def draft_folder(data: Path, found: Survey, pages: Pages) -> bool:
    """Draft from pictures, volumes or clips without a table; False where there are none."""
    del data
    files = found.volumes or found.images
    whole = [path for path in files if not is_mask(str(path))]
    if not whole:
        return False
    clips = {} if found.volumes else _clips(whole)
    if clips:
        _draft_clips(clips, whole[0].suffix, pages)
    else:
        _draft_files(whole, [path for path in files if is_mask(str(path))], pages)
    pages.say("there is no table: with one that names the files, draft again.")
    return True


def _clips(files: Sequence[PurePosixPath]) -> dict[PurePosixPath, int]:
    """Folders of frames -> how many; none unless most folders are such."""
    inside: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for path in files:
        inside[path.parent].append(path)
    numbered = {
        folder: len(paths) for folder, paths in inside.items()
        if len(paths) > 3 and all(re.fullmatch(r"(frame|img|image)?[_ -]*\d+", p.stem, re.I) for p in paths)
    }  # fmt: skip
    return numbered if len(numbered) > 1 and 2 * len(numbered) > len(inside) else {}


def _draft_clips(clips: dict[PurePosixPath, int], ending: str, pages: Pages) -> None:
    tops = {str(folder.parent) for folder in clips}
    top = f"{tops.pop()}/" if len(tops) == 1 else "**/"
    top = "" if top == "./" else top
    pages.line("table", {"folder": f"{top}*/*{ending}", "distinct": "folder", "patient": "folder"})
    pages.say(f"{len(clips)} folders of numbered frames are clips, each of a patient of its own.")
    _draft_label(Table((), (), ()), pages)
    pages.put("site", "site: {value: here}  # guessed")
    pages.modality("clip", {"kind": "video", "file": f"{top}{{folder}}/*{ending}"})


def _draft_files(whole: Sequence[PurePosixPath], masks: Sequence[PurePosixPath], pages: Pages) -> None:
    kind = "volume" if whole[0].name.lower().endswith(VOLUMES) else "image"
    table = _table(whole)
    patient = _patient(table)
    pattern, kept = _pattern(whole, masks)
    if len(kept) < len(whole):
        pages.say(f"{len(whole) - len(kept)} further files are not matched by {pattern}.")
    pages.line("table", {"folder": pattern, "patient": patient})
    own = (
        "each of a patient of its own"
        if patient in {"stem", "file"}
        else f"of a patient a folder (`{patient}`)"
    )
    pages.say(f"{len(kept)} {kind}s are found as {pattern}, {own}.")
    _draft_label(table, pages)
    pages.put("site", "site: {value: here}  # guessed")
    tree = {"kind": kind, "file": "{file}"}
    mask = _mask(kept, masks)
    if mask:
        tree["mask"] = mask
        pages.say(f"masks are found as {mask}.")
    pages.modality(kind, tree)


def _table(files: Sequence[PurePosixPath]) -> Table:
    """The table that the `folder` source gives of some files."""
    rows = [
        Row(n, {
            "file": str(p), "name": p.name, "stem": p.name.split(".")[0], "folder": p.parent.name or None,
            "parent": p.parent.parent.name or None,
        })
        for n, p in enumerate(files, 2)
    ]  # fmt: skip
    return Table(("file", "name", "stem", "folder", "parent"), tuple(rows), ())


def _patient(table: Table) -> str:
    """The column of the patient: their folder where most have one, else each file."""
    for column in ("folder", "parent"):
        found = profile(table, column)
        mixed = any(_GENERIC.fullmatch(text) or _CLASSES.search(text) for text in found.counts)
        if found.distinct > 6 and not mixed:
            return column
    return "stem" if profile(table, "stem").unique else "file"


def _pattern(
    whole: Sequence[PurePosixPath], masks: Sequence[PurePosixPath]
) -> tuple[str, Sequence[PurePosixPath]]:
    """A pattern for the files that matches no mask, and which of them it matches."""
    ending = whole[0].name[len(stem_of(whole[0])) :]
    same = [path for path in whole if path.name.endswith(ending)]
    if not any(path.name.endswith(ending) for path in masks):
        return f"**/*{ending}", same
    parents = Counter(path.parent.name for path in same)
    name = parents.most_common(1)[0][0]
    if name and not any(path.parent.name == name for path in masks):
        return f"**/{name}/*{ending}", [path for path in same if path.parent.name == name]
    return f"**/*{ending}", same


def _mask(kept: Sequence[PurePosixPath], masks: Sequence[PurePosixPath]) -> str:
    """A template from a file to its mask, if most have one."""
    votes: Counter[str] = Counter()
    by_begin: dict[str, list[PurePosixPath]] = defaultdict(list)
    for path in masks:
        by_begin[stem_of(path)].append(path)
        for cut in range(1, len(stem_of(path))):
            if not stem_of(path)[cut].isalnum():
                by_begin[stem_of(path)[:cut]].append(path)
    for path in kept:
        for mask in by_begin.get(stem_of(path), [])[:20]:
            folder = str(mask.parent)
            if mask.parent == path.parent and path.parent.name and mask.parent.parent.name:
                folder = f"{mask.parent.parent}/{{folder}}"
            elif mask.parent == path.parent and path.parent.name:
                folder = "{folder}"
            end = "{name}" if mask.name == path.name else f"{{stem}}{mask.name[len(stem_of(path)) :]}"
            votes[end if folder == "." else f"{folder}/{end}"] += 1
    template, hits = votes.most_common(1)[0] if votes else ("", 0)
    return template if 2 * hits >= len(kept) else ""


def _draft_label(table: Table, pages: Pages) -> None:
    """The label from the folders of classes, if they are named like classes."""
    for column in ("folder", "parent") if table.rows else ():
        found = profile(table, column)
        told = sum(bool(_CLASSES.search(text)) for text in found.counts)
        if not 2 <= found.distinct <= 10 or 2 * told < found.distinct:
            continue
        label: LabelGuess = guess_label([found])
        if not label.column:
            continue
        pages.say(f"the folders are classes: {label.words}")
        if label.others:
            where = f"{column} in [{', '.join(quoted(text) for text in label.others)}]"
            rule = {"where": where, "reason": "neither of the two diagnoses"}
            pages.put("exclude", f"exclude: [{flow(rule)}]{GUESSED}")
        pages.line("label", {**label.tree, "name": "diagnosis"})
        return
    pages.put("label", "# label: {name: outcome, column: folder, positive: ..., negative: ...}")
    pages.say("no folder is named like a diagnosis: the draft has no label; add `label` by hand.")
