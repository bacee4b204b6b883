"""Which engines and sinks this version has."""

from __future__ import annotations

from medxmodal.errors import ScoringError

ENGINES = ("local",)


def check_engine(engine: str = "local", sink: str | None = None) -> None:
    """Refuse an engine or a sink that this version does not have, before anything is read.

    Args:
        engine: Where scoring runs; `local`.
        sink: Where rows go beside the folder; None.

    Raises:
        ScoringError: There is no such engine or sink, with what to do instead.

    Example:
        >>> check_engine("ray")
        Traceback (most recent call last):
        ...
        medxmodal.errors.ScoringError: engine 'ray' is not in this version, which scores on this machine. ...
    """
    if engine not in ENGINES:
        raise ScoringError(
            f"engine '{engine}' is not in this version, which scores on this machine",
            hint="Leave --engine out: a killed job resumes where it was, so one machine can take its time.",
        )
    if sink:
        raise ScoringError(
            "a sink is not in this version, which writes Parquet files to --out",
            hint="Leave --sink out, and load the part-*.parquet files into the database.",
        )
