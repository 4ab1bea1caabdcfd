"""A known table, and a writer of it in the ways of clinics, independent of our reader."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl

PLACES = ["Köln 1", "Basel 2", "St. Gallen 3", "Zürich 4, Süd", "Ulm 5\nNord", 'Haus "6"', "none"]
DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
MISSING = [
    "",
    "NA",
    "N/A",
    "n.d.",
    "k.A.",
    "keine Angabe",
    "Not Available",
    "unknown",
    "-",
    "?",
    "#N/A",
    "<NA>",
    "'--",
    "missing",
]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "cp1252", "latin-1", "mac-roman", "utf-16", "utf-16-le", "utf-16-be"]


@dataclass
class Known:
    """The truth: what every reader must find."""

    id: list[str]
    duration: list[float]
    unit: str
    event: list[bool]
    numbers: dict[str, list[float | None]]
    words: dict[str, list[str | None]]


@dataclass
class Written:
    """A file with the truth, and options that a user must give.

    Attributes
    ----------
    is_clear
        Whether a cell of the file shows the decimal mark, or no cell needs it: the file must be read, not refused.
    """

    path: Path
    is_clear: bool
    dialect: dict[str, Any]
    options: dict[str, str] = field(default_factory=dict)


def known_table(rng: random.Random) -> Known:
    """A random table of 8 to 25 subjects with missing values among the covariates."""
    n = rng.randint(8, 25)
    form = rng.choice(["S{:02d}", "{:03d}", "case {}", "P-{}", "{}", "Bö{}", "a;b,{}"])
    digits = rng.choice([0, 0, 1, 2, 3])
    unit = rng.choice(list(DAYS))
    top = {"days": 5000, "weeks": 1500, "months": 240, "years": 15}[unit]

    def column(low: float, high: float, digits: int) -> list[float | None]:
        return [None if rng.random() < 0.12 else round(rng.uniform(low, high), digits) for _ in range(n)]

    event = [rng.random() < 0.5 for _ in range(n)]
    event[:2] = [True, False]
    numbers = {
        "age": column(18, 95, 0),
        "afp": column(0.5, rng.choice([30, 9000]), rng.choice([1, 2, 3])),
        "platelets": column(900, 2_500_000, rng.choice([0, 1, 2])),
        "delta": column(-3, 3, 2),
    }
    places = rng.sample(PLACES, 3)
    words: dict[str, list[str | None]] = {
        "sex": [rng.choice(["female", "male", None, "female", "male"]) for _ in range(n)],
        "centre": [rng.choice(places) for _ in range(n)],
    }
    for name, values in numbers.items():
        numbers[name] = [1.0, *values[1:]]  # no column is empty
    for name, cells in words.items():
        words[name] = ["male", "female", *cells[2:]]
    kept = rng.sample(list(numbers), rng.randint(1, 4))
    duration = [round(rng.uniform(0, top), digits) for _ in range(n)]
    duration[0] = float(top)
    return Known(
        [form.format(number) for number in rng.sample(range(1, 900), n)],
        duration,
        unit,
        event,
        {name: numbers[name] for name in numbers if name in kept},
        {name: words[name] for name in rng.sample(list(words), rng.randint(0, 2))},
    )


def write(known: Known, folder: Path, rng: random.Random) -> Written:
    """Write the table in a random dialect."""
    decimal = rng.choice(".,")
    thousands = rng.choice(
        [mark for mark in ["", "", ".", ",", " ", "'", "’", "\u00a0", "\u2009", "\u202f"] if mark != decimal]
    )
    dialect: dict[str, Any] = {
        "kind": rng.choice(["csv", "csv", "tsv", "txt", "xlsx"]),
        "decimal": decimal,
        "thousands": thousands,
        "missing": rng.sample(MISSING, rng.randint(1, 2)),
        "events": rng.choice([("1", "0"), ("true", "false"), ("dead", "alive"), ("Dead", "Alive")]),
        "title": rng.random() < 0.2,
        "foot": rng.choice(["", "", "", "total", "note"]),
        "empty_rows": rng.random() < 0.2,
        "first_column": rng.choice(["", "", "", "", "empty", "numbers"]),
        "repeated_names": rng.random() < 0.1,
        "percent": rng.choice(["", "", "%", " %"]),
    }

    def number(value: float | None) -> str:
        if value is None:
            return str(rng.choice(dialect["missing"]))
        digits = len(repr(value).split(".")[1]) if value != int(value) else 0
        text = f"{abs(value):,.{digits}f}"
        grouped, _, fraction = text.partition(".")
        grouped = grouped.replace(",", thousands)
        return ("-" if value < 0 else "") + grouped + (decimal + fraction if fraction else "")

    name = {"days": "time_days", "weeks": "OS_weeks", "months": "survival (months)", "years": "follow_up_years"}[
        known.unit
    ]
    yes, no = dialect["events"]
    columns: dict[str, list[Any]] = {
        rng.choice(["id", "patient_id", "Case ID"]): list(known.id),
        name: [number(value) for value in known.duration],
        rng.choice(["event", "death"]): [yes if one else no for one in known.event],
        **{key: [number(value) for value in values] for key, values in known.numbers.items()},
        **{
            key: [rng.choice(dialect["missing"]) if value is None else value for value in values]
            for key, values in known.words.items()
        },
    }
    if dialect["percent"] and "afp" in known.numbers:
        pairs = zip(columns["afp"], known.numbers["afp"], strict=True)
        columns["afp"] = [text if value is None else text + dialect["percent"] for text, value in pairs]
    if dialect["first_column"]:
        numbered = dialect["first_column"] == "numbers"
        columns = {"": [str(row) if numbered else "" for row in range(len(known.id))], **columns}
    written = Written(folder / f"t.{dialect['kind']}", True, dialect, {"duration_column": name})
    if yes.lower() == "dead":
        written.options["event_value"] = "dead"
    typed: set[str] = set()
    if dialect["kind"] == "xlsx":
        for key, source in {name: known.duration, **known.numbers}.items():
            if rng.random() < 0.6 and not (key == "afp" and dialect["percent"]):
                typed.add(key)
                columns[key] = [_typed(value, text) for value, text in zip(source, columns[key], strict=True)]
    in_text = [cell for key, cells in columns.items() if key in {name, *known.numbers} - typed for cell in cells]
    written.is_clear = _shows(in_text)
    rows: list[list[Any]] = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    if dialect["empty_rows"]:
        rows.insert(len(rows) // 2, [""] * len(columns))
    if dialect["repeated_names"]:
        rows.insert(rng.randint(2, len(rows) - 1), list(columns))
    if dialect["title"]:
        rows.insert(0, ["Our study", *[""] * (len(columns) - 1)])
    first = 1 if dialect["first_column"] else 0
    if dialect["foot"]:
        last: list[Any] = [""] * len(columns)
        last[first] = (
            rng.choice(["Total", "Summe", "gesamt:"]) if dialect["foot"] == "total" else "Note: made-up values"
        )
        last[first + 2] = str(sum(known.event)) if dialect["foot"] == "total" else ""
        rows.append(last)
    if dialect["kind"] == "xlsx":
        _write_workbook(rows, written, rng)
    else:
        _write_text(rows, written, rng)
    return written


def _typed(value: float | None, text: str) -> Any:
    return text or None if value is None else int(value) if value == int(value) else value


def _shows(cells: list[str]) -> bool:
    """Whether each mark that could be either is explained by a cell that could not."""
    plain = [cell.lstrip("-").rstrip("% ") for cell in cells]
    marks = [cell for cell in plain if cell[-1:].isdigit() and ("." in cell or "," in cell)]
    unclear = [cell for cell in marks if _is_unclear(cell)]
    return not unclear or len(unclear) < len(marks)


def _is_unclear(cell: str) -> bool:
    """One mark, followed by three digits and preceded by one to three, the first not zero."""
    mark = "." if "." in cell else ","
    whole, _, fraction = cell.partition(mark)
    return whole.isdigit() and len(whole) <= 3 and whole[0] != "0" and fraction.isdigit() and len(fraction) == 3


def _write_workbook(rows: list[list[Any]], written: Written, rng: random.Random) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "data"
    for row in rows:
        sheet.append([cell if cell != "" else None for cell in row])
    other = written.dialect["sheets"] = rng.choice(["", "", "empty", "hidden", "visible"])
    if other:
        second: Any = book.create_sheet("old", rng.choice([0, 1]))
        if other != "empty":
            second.append(["id", "time_days", "event"])
            second.append(["x", 1, 1])
        if other == "hidden":
            second.sheet_state = "hidden"
            book.active = book.worksheets.index(sheet)
        if other == "visible":
            written.options["sheet"] = "data"
    book.save(written.path)


def _write_text(rows: list[list[Any]], written: Written, rng: random.Random) -> None:
    dialect = written.dialect
    separator = dialect["separator"] = {"tsv": "\t"}.get(dialect["kind"], rng.choice([",", ";", ";", "\t", "|"]))
    quoting = dialect["quoting"] = rng.choice(["minimal", "all", "words"])
    end = dialect["end"] = rng.choice(["\n", "\r\n", "\n", "\r"])

    def field_text(cell: str) -> str:
        if (
            quoting == "all"
            or any(sign in cell for sign in (separator, '"', "\n"))
            or (quoting == "words" and not cell.isdigit())
        ):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    if rng.random() < 0.15:
        rows = [[*row, ""] for row in rows]
    lines = [separator.join(field_text(cell) for cell in row) for row in rows]
    dialect["above"] = rng.choice(["", "", "", "comment", "sep"])
    if dialect["title"] and rng.random() < 0.5:
        lines[0] = "Our study"
    if dialect["above"] == "comment":
        lines[:0] = ["#Identifier" + separator + "Time", "# second line"]
    if dialect["above"] == "sep":
        lines.insert(0, f"sep={separator}")
    text = end.join(lines) + (end if rng.random() < 0.8 else "")
    encoding = dialect["encoding"] = rng.choice(ENCODINGS)
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError:  # thin spaces
        content = text.encode("utf-8")
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    written.path.write_bytes(content)
