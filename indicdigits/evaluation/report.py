"""A report's folder: metrics.json, predictions.csv, card, pictures, and one page with it all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from indicdigits.data.storage import RUN_HINT, storage_errors, write_whole
from indicdigits.evaluation import figures, metrics_file
from indicdigits.evaluation.card import card_markdown
from indicdigits.evaluation.card_file import CARD
from indicdigits.evaluation.measure import Evaluation
from indicdigits.evaluation.metrics import best_digits
from indicdigits.evaluation.report_page import charts, render

PAGE, PREDICTIONS = "report.html", "predictions.csv"


def write_report(folder: Path, evaluation: Evaluation) -> Path:
    """Writes metrics.json, predictions.csv, card.md, PNG files and report.html.

    Each is written whole or not at all, metrics.json last.

    Args:
        folder: Made where it is missing.
        evaluation: What was measured.

    Returns:
        The page.

    Raises:
        StorageError: The disk refused; what an earlier report left in that file stands.
    """
    metrics = evaluation.metrics
    with storage_errors(folder, RUN_HINT):
        folder.mkdir(parents=True, exist_ok=True)
    drawn = charts(evaluation)
    pictures = {
        "confusion.png": figures.confusion_png(metrics),
        "mistakes.png": figures.mistakes_png(metrics, evaluation.images),
        **{f"{name}.png": chart.wide if chart else None for name, chart in drawn.items()},
    }
    for name, content in pictures.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)  # an earlier report's
        else:
            write_whole(folder / name, content)
    page = folder / PAGE
    write_whole(page, render(evaluation, drawn))
    write_whole(folder / CARD, card_markdown(evaluation.recipe, metrics))
    write_whole(folder / PREDICTIONS, predictions_csv(evaluation))
    text = json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / metrics_file.NAME, text + "\n")
    return page


def predictions_csv(evaluation: Evaluation) -> str:
    """Every answer, a row a picture: id, truth, prediction, confidence.

    Pictures that were counted apart have no prediction, and stand last.
    Another tool's answers to the same pictures are compared by these ids.
    """
    texts = [row["text"] for row in evaluation.metrics["per_class"]]
    answers = best_digits(evaluation.probabilities, evaluation.recipe.labels)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "truth", "prediction", "confidence"])
    for number, name in enumerate(evaluation.ids):
        confidence = f"{evaluation.probabilities[number, answers[number]]:.6f}"
        truth = texts[int(evaluation.labels[number])]
        writer.writerow([name, truth, texts[int(answers[number])], confidence])
    for picture in evaluation.apart:
        writer.writerow([picture.id, texts[picture.label], "", ""])
    return buffer.getvalue()
