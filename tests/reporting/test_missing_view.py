"""What is missing: written in every cell, largest first, many sites folded."""

from __future__ import annotations

from medxmodal.records import Missingness
from medxmodal.reporting.missing_view import missing_view

SPACE = "\N{NO-BREAK SPACE}"


def texts(row) -> list[str]:
    return [cell.text.replace(SPACE, " ") for cell in row.cells]


def test_a_column_a_label_and_a_site_where_there_are_few(cohort) -> None:
    view = missing_view(cohort())
    assert view.columns == ["All", "healthy", "disease", "north", "south"]
    assert [span for _, span in view.groups] == [1, 2, 2]
    assert texts(view.rows[0]) == ["12 %", "16 %", "5.0 %", "10 %", "14 %"]
    assert [row.name for row in view.rows] == ["Image", "Tabular: CRP"]
    assert texts(view.rows[1])[3:] == ["\N{EN DASH}"] * 2


def test_many_sites_are_folded_into_least_middle_and_most(cohort) -> None:
    sites = {f"h{k}": k / 200 for k in range(0, 101)}
    rows = [
        Missingness(field="a", overall=0.25, by_site=sites),
        Missingness(field="b", overall=0.9, by_site=dict.fromkeys(sites, 0.9)),
        Missingness(field="c", overall=0.0, by_site=dict.fromkeys(sites, 0.0)),
    ]
    view = missing_view(cohort(missingness=rows))
    assert view.columns == ["All", "Least", "Middle", "Most"]
    assert "101" in view.groups[-1][0]
    assert [row.name for row in view.rows] == ["B", "A"]
    assert texts(view.rows[1]) == ["25 %", "0 %", "25 %", "50 %"]
    assert view.complete == 1
    shades = [cell.shade for cell in view.rows[1].cells]
    assert shades == [3, 0, 3, 3]
