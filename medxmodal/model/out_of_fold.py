"""`RUN/oof.parquet`: one row a training study, predicted by the members that did not see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medxmodal.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

OOF = "oof.parquet"


def read_out_of_fold(folder: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The out-of-fold table of a run.

    Args:
        folder: The run.
        columns: Which columns; all by default.

    Raises:
        RunError: It is missing or damaged.
    """
    import pandas as pd

    path = folder / OOF
    if not path.is_file():
        raise RunError(f"{folder} has no {OOF}", hint="Copy the run again, whole.")
    try:
        return pd.read_parquet(path, columns=None if columns is None else list(columns))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:  # pyarrow's are among these
        raise RunError(
            f"{OOF} of the run is damaged: {type(error).__name__}", hint="Copy the run again, whole."
        ) from error
