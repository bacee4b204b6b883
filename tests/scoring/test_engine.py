"""What this version does not have is refused with what to do instead."""

from __future__ import annotations

import pytest

from medxmodal.errors import ScoringError
from medxmodal.scoring import check_engine


def test_local_is_there() -> None:
    check_engine()
    check_engine("local", None)


@pytest.mark.parametrize(
    ("engine", "sink", "says"), [("ray", None, "'ray'"), ("local", "postgresql://db/scores", "sink")]
)
def test_the_rest_is_refused(engine: str, sink: str | None, says: str) -> None:
    with pytest.raises(ScoringError, match=says) as error:
        check_engine(engine, sink)
    assert error.value.hint
    assert "postgresql" not in str(error.value)
