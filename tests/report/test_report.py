# SPDX-License-Identifier: Apache-2.0
"""`convwright report`: what it reads, what it makes of it, and the page."""

import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from convwright.bench.results import SCHEMA, BadResults
from convwright.cli import main
from convwright.cli import report as command
from convwright.report import figures, page, sources, tuning_facts

LAYER = "n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def row(ratio: float, verdict: str, direction: str = "fprop") -> dict:
    ours = {"p20": 0.9e-3, "median": 1e-3, "p80": 1.1e-3, "best": 1e-3, "rounds": 7, "calls": 1}
    return {
        "suite": "small",
        "problem": f"{direction}_{LAYER}",
        "direction": direction,
        "cache": "warm",
        "repeat": f"python -m convwright bench {direction}_{LAYER}",
        "seconds": {"convwright_nhwc": ours, "torch_nchw": ours | {"median": ratio * 1e-3}},
        "torch_best": "torch_nchw",
        "ratio": ratio,
        "verdict": verdict,
        "gflops": 50.0,
        "gbytes": 5.0,
        "roofline_percent": 40.0,
        "notes": [],
    }


def write(path: Path, rows: list[dict], **more: object) -> Path:
    content = {
        "schema": SCHEMA,
        "date": "2026-01-31",
        "machine": {
            **{"cpu": "A <fast> CPU", "isa": "avx2", "torch": "2.11.0"},
            **{"convwright": "0.1.0", "commit": "abc"},
        },
        "threads": 1,
        "clock": "processor time of the thread",
        "finished": True,
        "roofline": {"gflops": 100.0, "peak_of": "a test", "copy_gbytes": {"1024": 50, "2048": 9}},
        "rows": rows,
    }
    path.write_text(json.dumps(content | more))
    return path


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    wrong = row(1, "AMBG", "dgrad")
    wrong = {k: wrong[k] for k in ("suite", "problem", "direction", "cache", "repeat")}
    rows = [row(0.5, "SLOW"), row(2.0, "FAST"), row(0.8, "SLOW", "wgrad")]
    return write(tmp_path / "bench.json", [*rows, wrong | {"error": "it is wrong"}])


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    rows = [
        {"name": "float32 layer a", "ratios": {"mbm": 0.25, "drum(6)": 0.9}},
        {"name": "float32 layer b", "ratios": {"mbm": 0.64, "drum(6)": 0.9}},
        {"name": "8-bit layer a", "ratios": {"exact int8": 2.0, "mbm int8": 0.2}},
        {"name": "LeNet-5, step", "ratios": {"mbm": 0.5}},
    ]
    return write(tmp_path / "approximate.json", rows)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    rows = [
        {"network": "ex<act", "losses": [2.0, 1.0], "accuracy": [0.5, 0.75], "cost": None},
        {"network": "mbm", "multiplier": "mbm", "number_format": "float32", "accuracy": [0.7]},
        {"network": "small", "accuracy": [0.6], "cost": 1000},
        {"network": "large", "accuracy": [0.9], "cost": 2000},
    ]
    return write(tmp_path / "record.json", rows, title="A net", cost="operations of an image")


def trial(number: int, seconds: float, knobs: str, outcome: str = "ok", reason: str = "") -> dict:
    return {
        **{"problem": f"fprop_{LAYER}", "phase": 0, "recorded": number},
        **{"candidate": f"conv2d.avx2/{knobs}", "outcome": outcome},
        **{"seconds": seconds, "reason": reason},
    }


TRIALS = [
    # `vec` decides, `tile` does not matter; in another order than they were recorded.
    *(trial(9 - i, 4.0 if i % 2 else 2.0, f"vec:{i % 2},tile:{i // 2 % 2}") for i in range(8)),
    trial(10, 0.0, "vec:2,tile:1", "rejected", "its inner loop spills"),
    trial(11, 0.0, "vec:2,tile:0", "rejected", "its inner loop spills"),
    trial(12, 0.0, "vec:3,tile:0", "crashed", "signal 11"),
]
CHOICE = {
    **{"problem": f"fprop_{LAYER}", "phase": 0, "choice": "conv2d.avx2/vec:0,tile:0"},
    **{"seconds": 2e-3, "reason": "It is the fastest.", "finals": []},
}


def test_files_are_sorted_by_their_rows(measured: Path, compared: Path) -> None:
    lines = [json.dumps({"format": "records"}), *map(json.dumps, [*TRIALS, CHOICE])]
    found = sources.read([measured, compared], lines)
    counts = (len(found.benches), len(found.comparisons), len(found.records), len(found.choices))
    assert counts == (1, 1, len(TRIALS), 1)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match=r"mixed\.json has rows that are neither"):
        sources.read([write(tmp_path / "mixed.json", [{"problem": "p"}, {"name": "n"}])])
    with pytest.raises(BadResults, match="line 2 of the records is no JSON"):
        sources.read([], ["{}", "nonsense"])


def test_what_the_records_say() -> None:
    (curve,) = tuning_facts.progress_curves(TRIALS).values()
    assert curve[:2] == [2.0, 1.0]  # trial 2 took 4 s, trial 3 took 2 s
    assert len(curve) == len(TRIALS)
    importance = tuning_facts.knob_importance(TRIALS)
    assert list(importance) == ["vec", "tile"]
    assert importance["vec"] == pytest.approx(1)
    assert importance["tile"] == pytest.approx(0)
    assert tuning_facts.failures(TRIALS) == [
        ("rejected", "its inner loop spills", 2),
        ("crashed", "signal 11", 1),
    ]


RECORDING = """{"convwright_replay": 1, "problem": "fprop_x", "phase": 0}
{"candidate": "conv2d.avx2/vec:1", "predicted": 10.0, "outcome": "ok", "seconds": 2e-3}
{"candidate": "conv2d.avx2/vec:2", "predicted": 20.0, "outcome": "ok", "seconds": 1e-3}
{"candidate": "conv2d.avx2/vec:3", "predicted": 30.0, "outcome": "ok", "seconds": 3e-3}
{"candidate": "conv2d.avx2/vec:4", "predicted": 40.0, "outcome": "rejected", "reason": "spills"}
{"candidate": "pytorch", "outcome": "ok", "seconds": 1e-3}
"""


def test_predicted_against_measured(tmp_path: Path) -> None:
    file = tmp_path / "space.jsonl"
    file.write_text(RECORDING)
    found = sources.read([], recordings=[file])
    assert tuning_facts.predictions(found.recorded) == {
        "fprop_x": [(10.0, 2e-3), (20.0, 1e-3), (30.0, 3e-3)]
    }
    alts = [plot.alt for plot in page.plots_of(found)["tuning"]]
    assert alts == [
        "Predicted against measured. fprop_x, 3 candidates: rank correlation 0.50, the one "
        "predicted best takes 2.00 of the best time."
    ]
    assert ("rejected", "spills", 1) in tuning_facts.failures(found.recorded)
    file.write_text("{}")
    with pytest.raises(BadResults, match="is not a recording"):
        sources.read([], recordings=[file])


def test_ranks_of_equal_values_are_their_mean() -> None:
    first, second = np.array([1.0, 1.0, 2.0]), np.array([5.0, 7.0, 9.0])
    assert figures.rank_correlation(first, second) == pytest.approx(math.sqrt(3) / 2)
    assert math.isnan(figures.rank_correlation(first, np.ones(3)))


def test_too_few_trials_say_nothing() -> None:
    assert tuning_facts.knob_importance(TRIALS[:7]) == {}
    assert tuning_facts.progress_curves(TRIALS[:1]) == {}
    assert figures.progress({}) is None and figures.knobs({}) is None


class Page(HTMLParser):
    """Pictures, links and texts of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[dict] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.add(tag)
        found = dict(attributes)
        if tag == "img":
            self.pictures.append(found)
        self.links += [found[name] for name in ("src", "href") if name in found]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def text(measured: Path, compared: Path, trained: Path) -> str:
    lines = map(json.dumps, [*TRIALS, CHOICE])
    found = sources.read([measured, compared, trained], lines)
    return page.render(found, page.plots_of(found))


def test_the_page_stands_alone(text: str) -> None:
    read = Page(text)
    # Speed, roofline, progress, knobs, multipliers, training, accuracy against cost.
    assert len(read.pictures) == 7
    for picture in read.pictures:
        assert picture["src"].startswith("data:image/png;base64,")
        assert picture["alt"].endswith(".") and len(picture["alt"].split()) > 5
    assert all(link.startswith(("data:", "#")) for link in read.links)
    assert not read.tags & {"script", "link", "iframe", "object"}
    assert 'name="viewport" content="width=device-width' in text
    assert "url(" not in text and "@import" not in text


def test_losses_errors_and_means_are_in_plain_sight(text: str) -> None:
    read = Page(text).text
    assert "All 2 rows, the slowest first" in read
    losses = read.partition("Where Convwright is slower")[2]
    assert losses.index("0.50") < losses.index("0.80")
    assert f"python -m convwright bench wgrad_{LAYER}" in losses
    assert "it is wrong" in read
    assert "1.00" in read.partition("Summary")[2]  # the geometric mean of 0.5 and 2
    assert "its inner loop spills" in read and "It is the fastest." in read
    assert "A <fast> CPU" in read and "A <fast> CPU" not in text  # escaped


def test_multipliers_have_error_speed_and_published_energy(text: str) -> None:
    read = Page(text).text.partition("Approximate multipliers")[2]
    assert "0.40" in read  # of mbm: the geometric mean of 0.25 and 0.64
    assert "DRUM, ICCAD 2015" in read
    assert "exact int8" in read
    assert "70.00% (A net)" in read


def test_networks_have_curves_and_costs(text: str) -> None:
    read = Page(text)
    (curves,) = (p for p in read.pictures if p["alt"].startswith("Training loss over 2 steps"))
    assert "over 2 epochs of A net: ex<act ends at 1.000 and 75.00%" in curves["alt"]
    (costs,) = (p for p in read.pictures if p["alt"].startswith("Accuracy against operations"))
    assert "none beats small (1e+03, 60.00%), large (2e+03, 90.00%) in both" in costs["alt"]
    section = read.text.partition("Networks, trained and tested")[2]
    assert "75.00 %" in section and "1e+03" in section


def test_a_record_that_was_interrupted_says_so(tmp_path: Path) -> None:
    record = {"title": "A net", "cost": "seconds", "finished": False}
    found = sources.read([write(tmp_path / "record.json", [], **record)])
    assert "It was interrupted." in page.render(found, page.plots_of(found))


def test_an_empty_part_is_left_out(measured: Path) -> None:
    found = sources.read([measured])
    read = Page(page.render(found, page.plots_of(found))).text
    assert "Tuning" not in read and "Approximate" not in read and "Networks" not in read


def test_command(measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, folder = tmp_path / "page.html", tmp_path / "plots"
    assert main(["report", str(measured), "--out", str(out), "--png", str(folder)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.read_text().startswith("<!doctype html>")
    pictures = sorted(folder.iterdir())
    assert [p.name for p in pictures] == ["roofline-1.png", "speed-1-small-warm.png"]
    assert all(p.read_bytes().startswith(PNG_MAGIC) for p in pictures)


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ([], 2, "there is nothing to report"),
        (["/nowhere/results.json"], 2, "/nowhere/results.json is not a results file"),
        (["FOREIGN"], 2, "is not a results file of `convwright bench`"),
        (["--db", "/nowhere/tuning.db"], 2, "/nowhere/tuning.db, which is not a file"),
        (["FILE", "--out", "/nowhere/page.html"], 1, "/nowhere/page.html cannot be written"),
    ],
)
def test_bad_input(
    arguments: list[str],
    status: int,
    text: str,
    measured: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    foreign = measured.with_name("foreign.json")
    foreign.write_text('{"schema": 1}')
    files = {"FILE": str(measured), "FOREIGN": str(foreign)}
    given = [files.get(a, a) for a in arguments]
    assert main(["report", *given]) == status
    output = capsys.readouterr()
    assert output.out == ""
    assert text in output.err and output.err.count("\n") == 1


def test_missing_packages_are_named(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "jinja2" else name)
    assert main(["report", str(measured)]) == 1
    assert "report needs jinja2, which is not installed" in capsys.readouterr().err


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed")
def test_a_browser_shows_it_on_a_phone(text: str, tmp_path: Path) -> None:
    """Nothing is wider than the screen but tables, which scroll by themselves."""
    width = 500  # chromium's narrowest window
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    measure = "<script>document.title = 'wide ' + document.documentElement.scrollWidth</script>"
    file.write_text(text.replace("</body>", f"{measure}</body>"))
    browser = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},3000"),
    ]
    shown = subprocess.run(
        [*browser, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=120
    )
    (wide,) = re.findall(r"<title>wide (\d+)</title>", shown.stdout)
    assert int(wide) <= width
    subprocess.run(
        [*browser, f"--screenshot={picture}", file.as_uri()], capture_output=True, timeout=120
    )
    pixels = picture.read_bytes()
    assert pixels.startswith(PNG_MAGIC)
    assert len(pixels) > 20_000  # an empty page of this size takes 8 kB
