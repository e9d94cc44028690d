"""The part of a page that sets the answers against what was done."""

from edgehar.apps.report.markup import Markup, element, folded, framed, joined, table
from edgehar.apps.report.rows import percent, plain
from edgehar.apps.report.sections import card
from edgehar.apps.report.truth import AgainstTruth
from edgehar.recordings.scoring import TOLERANCE_S

_SHADES = 9


def against_truth(truth: AgainstTruth, window_s: float) -> Markup:
    """Return a confusion matrix, the figures of each label, and those of starts and ends."""
    if not truth.counts:
        return card(
            "Told against true",
            element("p", f"No activity lasted for a window of {window_s:g} s, so none can be counted."),
        )
    note = (
        f"Windows of {window_s:g} s that lie within one activity: rows are what was done, columns what was told. "
        "A shade is the share of its row: green where it is right, or a kind that is right, orange where it is not."
    )
    return card(
        "Told against true",
        element("p", note, class_="note"),
        _matrix(truth),
        element("h3", "Label by label"),
        _labels(truth),
        folded("Starts and ends", _boundaries(truth)),
    )


def _matrix(truth: AgainstTruth) -> Markup:
    counts = truth.counts
    done = sorted(counts, key=lambda label: -sum(counts[label].values()))
    others = sorted({answer for row in counts.values() for answer in row} - {*done})
    told = [*done, *others]
    corner = element("td", "")
    head = element("tr", corner, *(element("th", element("span", plain(name)), scope="col") for name in told))
    lines = []
    for label in done:
        row, path = counts[label], truth.tree.path(label)
        total = sum(row.values())
        cells = (_cell(row.get(answer, 0), total, is_right=answer in path) for answer in told)
        lines.append(element("tr", element("th", plain(label), scope="row"), *cells))
    caption = element("caption", "Windows by what was done and by what was told", class_="unseen")
    matrix = element(
        "table", caption, element("thead", head), element("tbody", joined(lines)), class_="matrix"
    )
    return framed("Confusion matrix", matrix)


def _cell(count: int, total: int, *, is_right: bool) -> Markup:
    if not count:
        return element("td", "")
    shade = max(1, round(_SHADES * count / total))
    return element("td", f"{count}", class_=f"{'right' if is_right else 'wrong'} h{shade}")


def _labels(truth: AgainstTruth) -> Markup:
    rows = [
        (
            plain(each.label),
            f"{each.windows:,}",
            "–" if each.f1 is None else f"{each.f1:.2f}",
            percent(each.precision),
            percent(each.recall),
            percent(each.recall_by_kind),
        )
        for each in truth.labels()
    ]
    head = ("done", "windows", "F1", "precision", "recall", "recall by kind")
    shown = table("Figures of each label", head, rows)
    macro = "–" if truth.macro_f1 is None else f"{truth.macro_f1:.2f}"
    note = (
        f"Macro-F1 {macro}, the mean over the labels that the model knows; {percent(truth.right_by_kind)} of all windows were right "
        "by label or by kind. A dash stands where the model has no such label."
    )
    return joined([shown, element("p", note, class_="note")])


def _boundaries(truth: AgainstTruth) -> Markup:
    names = {"activity_started": "starts", "activity_ended": "ends"}
    rows = [
        (names[kind], f"{b.true}", f"{b.reported}", f"{b.right}", percent(b.precision), percent(b.recall))
        for kind, b in truth.boundaries().items()
    ]
    head = ("of an activity", "true", "told", f"right within {TOLERANCE_S:g} s", "precision", "recall")
    return table("Starts and ends", head, rows)
