# SPDX-License-Identifier: Apache-2.0
"""What was found, and the verdict."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from convwright._text_table import text_table

# A note is worth reading; bad is what keeps the operators from running.
OK, NOTE, BAD = "ok", "note", "BAD"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `value` is a sentence where the state is not OK."""

    about: str
    item: str
    value: str
    state: str = OK


@dataclass(frozen=True)
class Diagnosis:
    findings: tuple[Finding, ...]

    @property
    def status(self) -> int:
        """Exit status: 1 where the operators cannot run."""
        return int(any(f.state == BAD for f in self.findings))

    @property
    def verdict(self) -> str:
        """One sentence."""
        bad = [f for f in self.findings if f.state == BAD]
        if bad:
            return f"Convwright cannot run here, {bad[0].about} {bad[0].item}: {bad[0].value}"
        notes = sum(f.state == NOTE for f in self.findings)
        return "Convwright works here" + (f"; see {notes} notes." if notes else ".")

    def rows(self) -> list[dict[str, str]]:
        """A row for each finding; the verdict is the last one."""
        state = BAD if self.status else OK
        verdict = Finding("verdict", "", self.verdict, state)
        return [asdict(finding) for finding in (*self.findings, verdict)]

    def __str__(self) -> str:
        lines, about = [], ""
        for f in self.findings:
            lines.append(("" if f.about == about else f.about, f.item, f.state, f.value))
            about = f.about
        table = text_table(("", "", "", ""), lines, left=range(4))
        return f"{table.lstrip()}\n\n{self.verdict}"


def diagnosis_of(*parts: Iterable[Finding]) -> Diagnosis:
    """Findings about one thing stand together, where the first of them was found."""
    by_subject: dict[str, list[Finding]] = {}
    for part in parts:
        for finding in part:
            by_subject.setdefault(finding.about, []).append(finding)
    return Diagnosis(tuple(f for findings in by_subject.values() for f in findings))
