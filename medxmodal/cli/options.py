"""Arguments and options that several commands take, defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print a machine-readable summary on standard output.")
]
RunFolder: TypeAlias = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `train` made.")]
CohortFolder: TypeAlias = Annotated[
    Path, typer.Option("--cohort", metavar="COHORT", help="A cohort folder that `build` made.")
]
Studies: TypeAlias = Annotated[
    list[str] | None, typer.Option("--study", metavar="ID", help="A study to explain; may be repeated.")
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Lay a setting over the recipe; may be repeated."),
]
Keys: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--keys", metavar="DIR", help="Folder with the secret key and the crosswalk of a keyed cohort."
    ),
]
DataFolder: TypeAlias = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the data lie now, if they were moved.")
]
Validate: TypeAlias = Annotated[
    Literal["none", "sample", "full"],
    typer.Option("--validate", help="How much of FHIR is checked whole; the values used always are."),
]


def out(help_text: str, metavar: str = "DIR") -> typer.models.OptionInfo:
    """The option `--out`, with what it means for this command."""
    option: typer.models.OptionInfo = typer.Option("--out", metavar=metavar, help=help_text)
    return option
