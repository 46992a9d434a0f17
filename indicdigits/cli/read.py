"""`indicdigits read`: the numbers of whole pictures, pages and forms. Imports no JAX."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indicdigits.cli.common import ErrorRate, Json, Native, Quiet, emit, reporter
from indicdigits.errors import DataError, UsageError

if TYPE_CHECKING:
    from indicdigits.reading.outputs.writers import Writer


def read(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURE...", help="Pictures, TIFF or PDF files, or folders."),
    ],
    script: Annotated[
        str | None,
        typer.Option(
            "--script",
            "-s",
            show_default=False,
            help="A script's name, or a bundle file [default: devanagari, or the template's].",
        ),
    ] = None,
    json: Json = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table, a row a line.")
    ] = None,
    hocr: Annotated[Path | None, typer.Option(metavar="FILE", help="Write hOCR.")] = None,
    alto: Annotated[Path | None, typer.Option(metavar="FILE", help="Write ALTO 4.")] = None,
    annotated: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw the readings into the picture (of one page)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Keep each page's answer and annotated picture there; go on where it stopped.",
        ),
    ] = None,
    native: Native = True,
    pattern: Annotated[
        str | None, typer.Option(help="What every line may say.", show_default=False)
    ] = None,
    validator: Annotated[
        str | None, typer.Option(help="What every line is checked by.", show_default=False)
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="Where the fields of a form stand.", show_default=False),
    ] = None,
    error_rate: ErrorRate = None,
    lines: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE|SCRIPT|none",
            help="A reader of whole lines; the script's own, if it ships.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that read.")] = 1,
    quiet: Quiet = False,
) -> int:
    """Read the numbers in pictures: lines of digits, pages, forms."""
    from indicdigits.reading.batch import Settings, read_all
    from indicdigits.reading.files import find_files

    settings = Settings(
        script=script,
        pattern=pattern,
        validator=validator,
        error_rate=error_rate,
        template=None if template is None else str(template),
        lines=lines,
    )
    _check_words(template, {"--pattern": pattern, "--validator": validator})
    _check_places(output, [csv, hocr, alto, annotated])
    files = find_files(pictures)
    if annotated is not None and (len(files) > 1 or annotated.suffix.lower() != ".png"):
        raise UsageError(
            "an annotated picture is one PNG file of one page",
            where=annotated,
            allowed="a name in .png, and one picture",
            hint="-o FOLDER draws every page",
        )
    shown: list[dict[str, Any]] = []
    failed = False
    with _writers(files[0][0], csv, hocr, alto, native=native) as writers:
        records = read_all(files, settings, workers=workers, folder=output)
        for record in _tracked(records, len(files), quiet=quiet):
            if "error" in record:
                failed = True
                _complain(record["error"])
            else:
                for writer in writers:
                    writer.add(record)
                _draw(record, annotated, output, native=native)
            if json:
                shown.append(record)
            elif "error" not in record:
                emit(None, False, _page(record, native=native, several=len(files) > 1))
    if json:
        emit(shown[0] if len(shown) == 1 else {"pages": shown}, True, "")
    return DataError.exit_code if failed else 0


def _check_words(template: Path | None, of_lines: dict[str, str | None]) -> None:
    """Refuses what a template would silently overrule."""
    for option, value in of_lines.items():
        if template is not None and value is not None:
            raise UsageError(
                "the fields of a form have their own",
                where=f"{option} beside --template",
                allowed="either of them",
                hint=f"write {option.strip('-')} = '{value}' into [fields.NAME] of {template}",
            )


def _check_places(folder: Path | None, files: Sequence[Path | None]) -> None:
    """Refuses places that cannot take the answers, before anything is read."""
    wanted = [path for path in files if path is not None]
    for place in ([folder] if folder else []) + [path.parent for path in wanted]:
        there = next((one for one in (place, *place.parents) if one.exists()), place)
        if there.exists() and not there.is_dir():
            raise UsageError(
                "is a file, and not a folder",
                where=there,
                allowed="a folder, there already or not",
                hint="-o FOLDER keeps an answer a page; --json > FILE, --csv FILE, --hocr FILE and "
                "--alto FILE write one file",
            )
    for path in wanted:
        if path.is_dir():
            raise UsageError("is a folder", where=path, allowed="the file to write")


def _tracked(
    records: Iterator[dict[str, Any]], files: int, *, quiet: bool
) -> Iterator[dict[str, Any]]:
    """The same records, with a bar of the files that are done."""
    with reporter(quiet or files == 1).track("reading", files) as task:
        for record in records:
            yield record
            task.advance(1 / record["pages"], Path(record["path"]).name)


@contextlib.contextmanager
def _writers(
    image: Path, csv: Path | None, hocr: Path | None, alto: Path | None, *, native: bool
) -> Iterator[list[Writer]]:
    """The files that were asked for."""
    from importlib.metadata import version

    from indicdigits.reading.outputs.writers import Alto, Csv, Hocr, Writer

    with contextlib.ExitStack() as stack:
        found = []
        if csv is not None:
            found.append(stack.enter_context(Writer(csv, Csv(native=native))))
        if hocr is not None:
            found.append(stack.enter_context(Writer(hocr, Hocr(native=native))))
        if alto is not None:
            form = Alto(native=native, image=str(image), version=version("indicdigits"))
            found.append(stack.enter_context(Writer(alto, form)))
        yield found


def _draw(
    record: dict[str, Any], annotated: Path | None, folder: Path | None, *, native: bool
) -> None:
    """Draws the readings into the picture, wherever that was asked for."""
    from indicdigits.reading.files import PageOf, load_page
    from indicdigits.reading.outputs.annotated import annotate

    targets = [path for path in (annotated, folder and folder / f"{record['name']}.png") if path]
    if not targets:
        return
    page = PageOf(Path(record["path"]), record["page"], record["name"])
    sheet = annotate(load_page(page), record["lines"], native=native)
    for path in targets:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)


def _page(record: dict[str, Any], *, native: bool, several: bool) -> str:
    """What a person reads: a line a line, or a field a line, and what else is to be known."""
    where = f"{record['path']}" + (f", page {record['page']}" if record["page"] > 1 else "")
    prefix = f"{where}  " if several else ""
    if "fields" in record:
        shown = _fields(record["fields"], native=native)
    else:
        shown = [_line(line, native=native) for line in record["lines"]]
    rows = [prefix + row for row in shown]
    rows += [f"{where}: {notice}" for notice in record["notices"]]
    return "\n".join(rows)


def _line(line: dict[str, Any], *, native: bool) -> str:
    text = line["text"] if native else line["ascii"]
    if line["accepted"]:
        return f"{text}  {line['probability']:.1%}"
    # a dash, so that nobody takes the guess for an answer
    likely = f"{line['probability']:.1%}"
    guess = f" (best guess {text}, {likely}{_next_best(line, native=native)})"
    guess = guess if text and likely != "0.0%" else ""
    return f"–  not accepted: {_why(line)}{guess}"


def _next_best(line: dict[str, Any], *, native: bool) -> str:
    """The likeliest other reading: where a check failed, of those that pass."""
    if not line["alternatives"]:
        return ""
    other = line["alternatives"][0]
    return f"; or {other['text'] if native else other['ascii']}?"


def _fields(fields: list[dict[str, Any]], *, native: bool) -> list[str]:
    """Fields of a form: the name, what was read, how sure it is, and what becomes of it."""
    texts = [field["text"] if native else field["ascii"] for field in fields]
    names = max(len(field["name"]) for field in fields)
    width = max(map(len, texts))
    return [
        f"{field['name']:<{names}}  {text or '–':<{width}}  {field['probability']:6.1%}  "
        + ("accepted" if field["accepted"] else f"refused: {_why(field)}")
        for field, text in zip(fields, texts, strict=True)
    ]


def _why(line: dict[str, Any]) -> str:
    """Why a line is refused; where it is too unsure, what was wanted."""
    threshold = line.get("threshold")
    below = str(line["reason"]).endswith("below threshold") and threshold is not None
    return f"{line['reason']} {threshold:.1%}" if below else str(line["reason"])


def _complain(error: dict[str, Any]) -> None:
    lines = [f"error: {error['where']}: {error['message']}"]
    lines += [f"  {key}: {error[name]}" for key, name in (("allowed", "allowed"), ("try", "hint"))
              if error[name]]  # fmt: skip
    print("\n".join(lines), file=sys.stderr)
