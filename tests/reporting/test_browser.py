"""Every page in a real browser: nothing fetched, nothing complained of, no scrolling sideways, few sheets."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from medxmodal.records import DescribeRecord, Flow, FlowStep, Group, Missingness, Stratified, TableRow
from medxmodal.reporting import cohort_page, explanation_page, run_card, write_report

pytestmark = pytest.mark.services

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-domain-reliability",
    "--disable-sync", "--no-first-run", "--allow-file-access-from-files", "--enable-logging=stderr",
    "--proxy-bypass-list=<-loopback>",
)  # fmt: skip
OWN = re.compile(r"(GET|CONNECT|POST) (https?://)?[\w.-]+\.(google|googleapis|gvt1)\.com[:/]")
"""The browser asks for its own updates and the time of day; no page of ours names these hosts."""
MEASURE = """<!doctype html>
<iframe id="page" src="{page}" style="width:{width}px;height:900px;border:0"></iframe>
<script>
document.getElementById("page").addEventListener("load", function () {{
  const root = this.contentDocument.documentElement;
  document.title = "width " + root.scrollWidth + " of " + root.clientWidth;
}});
</script>"""


class Browser:
    """Headless Chromium behind a proxy that answers nothing and remembers what was asked for."""

    def __init__(self, program: str, folder: Path, port: int, asked: list[str]) -> None:
        self.program, self.folder, self.port, self.asked = program, folder, port, asked

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it once, with nothing but these arguments."""
        command = [self.program, *FLAGS, f"--proxy-server=127.0.0.1:{self.port}"]
        command += [f"--user-data-dir={self.folder / 'profile'}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)

    def complaints(self, page: Path) -> list[str]:
        """What the page makes the browser ask of the network or say on its console."""
        assert "google" not in page.read_text(encoding="utf-8")
        self.asked.clear()
        done = self.run("--dump-dom", "--virtual-time-budget=2000", page.as_uri())
        asked = [line for line in self.asked if not OWN.match(line)]
        return [*asked, *re.findall(r"CONSOLE.*", done.stderr)]

    def widths(self, page: Path, width: int) -> tuple[int, int]:
        """The width of a page's content and of its window, in a window of so many pixels."""
        frame = self.folder / "frame.html"
        frame.write_text(MEASURE.format(page=page.as_uri(), width=width))
        done = self.run("--dump-dom", "--virtual-time-budget=3000", frame.as_uri())
        found = re.search(r"<title>width (\d+) of (\d+)", done.stdout)
        assert found, done.stdout[:500]
        return int(found[1]), int(found[2])

    def sheets(self, page: Path) -> int:
        """The pages of A4 on which it prints."""
        made = self.folder / "page.pdf"
        self.run("--no-pdf-header-footer", f"--print-to-pdf={made}", page.as_uri())
        pdf = made.read_bytes()
        assert re.search(rb"/MediaBox \[0 0 59[45]\.?\d* 84[12]\.?\d*\]", pdf), "not A4"
        return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Iterator[Browser]:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            asked.append(self.rfile.readline(2000).decode("latin-1").strip())
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Browser(chromium, tmp_path, server.server_address[1], asked)
    server.shutdown()
    server.server_close()


def _wide(cohort) -> DescribeRecord:
    """Eight sites with long names, twelve rules with long reasons, and a Table 1 by site."""
    sites = [f"hospital of a long name {k}" for k in range(8)]
    steps = [FlowStep(step="records in the table", remaining=900)]
    steps += [FlowStep(step="w" * 90, removed=1, remaining=900 - k, reason="r " * 60) for k in range(1, 13)]
    rows = [
        TableRow(variable=f"Value {k}", summary=dict.fromkeys(["all", *sites], "1234.5 [1, 2]"))
        for k in range(9)
    ]
    return cohort(
        sites=dict.fromkeys(sites, 111),
        flow=Flow(found=900, steps=steps, excluded=12, failed=0, studies=888),
        groups=[Group(by="site", name=s, studies=111, patients=99, labelled=99, positives=9) for s in sites],
        table1_by=[Stratified(by="site", columns=["all", *sites], rows=rows)],
        missingness=[Missingness(field="image", overall=0.2, by_site=dict.fromkeys(sites, 0.2))],
    )


@pytest.fixture(params=["study", "long", "missing", "index", "cohort", "wide"])
def page(request, tmp_path, study, arrays, explain, cohort) -> Path:
    """A page of each kind; `long` has names and a note without a place to break."""
    path = tmp_path / f"{request.param}.html"
    if request.param == "index":
        return write_report(explain, tmp_path / "report").index
    if request.param == "cohort":
        html = cohort_page(cohort(title="Simulated_" * 12, sites={"hospital" * 20: 240}))
    elif request.param == "wide":
        html = cohort_page(_wide(cohort))
    elif request.param == "missing":
        html = explanation_page(study(absent=("image", "text")), {})
    elif request.param == "long":
        record = study("S" * 200, command="x" * 400)
        bars = record.panels[1].bars
        bars = [
            bar.model_copy(update={"label": "Lactatedehydrogenase" * 4, "value": "9" * 60}) for bar in bars
        ]
        panels = [record.panels[0], record.panels[1].model_copy(update={"bars": bars}), record.panels[2]]
        html = explanation_page(record.model_copy(update={"panels": panels}), arrays)
    else:
        html = explanation_page(study(), arrays, home="index.html")
    path.write_text(html, encoding="utf-8")
    return path


def test_a_page_asks_for_nothing_fits_a_phone_and_prints(browser, page) -> None:
    assert browser.complaints(page) == []
    for width in (390, 1280):
        content, window = browser.widths(page, width)
        assert window == width
        assert content <= window
    assert 1 <= browser.sheets(page) <= 5


def test_a_page_that_does_fetch_or_complain_or_overflow_is_noticed(browser, tmp_path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(
        "<img src='http://example.invalid/x.png'><script>console.error('oops')</script>"
        "<div style='width:900px'>x</div>"
    )
    said = " ".join(browser.complaints(path))
    assert "example.invalid" in said
    assert "oops" in said
    content, window = browser.widths(path, 390)
    assert content > window


def test_a_card_leaves_the_notebooks_own_styles_alone(browser, tmp_path, run_record, metrics) -> None:
    measure = (
        "<p id='own'>own</p><table><tr><td id='cell'>own</td></tr></table>{card}<script>"
        "const s = i => JSON.stringify([...Object.entries(getComputedStyle(document.getElementById(i)))]);"
        "document.title = s('own').length + s('cell').length + ':' + "
        "getComputedStyle(document.getElementById('cell')).padding + "
        "getComputedStyle(document.getElementById('own')).fontFamily;</script>"
    )
    titles = []
    for card in ("", run_card(run_record, metrics)):
        path = tmp_path / "notebook.html"
        path.write_text(measure.format(card=card), encoding="utf-8")
        found = re.search(r"<title>(.*?)</title>", browser.run("--dump-dom", path.as_uri()).stdout)
        assert found
        titles.append(found[1])
    assert titles[0] == titles[1]
