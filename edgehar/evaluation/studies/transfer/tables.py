"""Tables and picture of the study "transfer from video poses", of whatever was scored so far."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from msgspec.structs import replace

from edgehar.evaluation.markdown import table
from edgehar.evaluation.studies import curves
from edgehar.evaluation.studies.curves import Axes, Line
from edgehar.evaluation.studies.outcome import Interval, value, weighted_f1
from edgehar.evaluation.studies.results import NOT_RUN
from edgehar.evaluation.studies.transfer import paper
from edgehar.evaluation.studies.transfer.plan import (
    FEW,
    LAYERS_PORTION,
    LONG,
    OURS,
    OURS_ALL,
    OURS_LONG,
    RANDOM,
    TIMES,
    Cell,
    Settings,
)
from edgehar.evaluation.studies.transfer.scores import Scores
from edgehar.training.studies.pose_sources import KINDS, SETS
from edgehar.training.studies.transfer import PUBLISHED, SMALL


def tables(scores: Scores) -> str:
    """Lay out all tables."""
    parts = (
        _gains(scores),
        _portions(scores),
        _crossings(scores),
        _longer(scores),
        _layers(scores),
        _archives(scores),
        _sources(scores),
        _costs(scores),
    )
    return "\n\n".join(part for part in parts if part)


def short(scores: Scores) -> str:
    """Lay out what a reader needs: gains of what was scored, where a random start catches up, layers, and the paper's figures."""
    gains = _gains(scores, all_rows=False)
    parts = (gains, _crossings(scores), _longer(scores), _layers(scores), _archives(scores))
    return "\n\n".join(part for part in parts if part)


def _share(of: float) -> str:
    return f"{of:.3f}".replace("0.", ".", 1)


def _gain(made: tuple[float, Interval | None] | None, absent: str) -> str:
    """Show a gain; bold where its interval does not hold 0."""
    if made is None:
        return absent
    by, between = made
    shown = f"{by:+.3f}".replace("0.", ".", 1)
    if between is None:
        return shown
    low, high = between
    sure = "**" if low > 0.0 or high < 0.0 else ""
    return f"{sure}{shown}{sure} [{low:+.2f}, {high:+.2f}]".replace("0.", ".")


def _percent(portion: float) -> str:
    return f"{100 * portion:g} %"


def _is_of_people(scores: Scores, cell: Cell) -> bool:
    return cell.target not in scores.settings.archives


def _main(scores: Scores) -> list[tuple[str, str, str]]:
    """List network, target and start of what is transferred whole and not frozen, of recorded people."""
    rows = [
        (cell.network, cell.target, cell.start)
        for cell in scores.cells()
        if _is_of_people(scores, cell)
        and cell == Cell(cell.network, cell.target, cell.portion, cell.start, 0)
    ]
    order = {
        name: i for i, name in enumerate((RANDOM, LONG, scores.settings.source, OURS, OURS_ALL, OURS_LONG))
    }
    networks = {SMALL: 0, PUBLISHED: 1}
    targets = list(dict.fromkeys(target for _, target, _ in rows))
    return sorted(
        dict.fromkeys(rows),
        key=lambda row: (networks.get(row[0], 2), targets.index(row[1]), order.get(row[2], len(order))),
    )


def _portions(scores: Scores) -> str:
    """Lay out weighted F1 and macro-F1 of each start by portion."""
    portions = scores.settings.portions
    rows = []
    for network, target, start in _main(scores):
        cells = [Cell(network, target, portion, start, 0) for portion in portions]
        outcomes = [scores.outcome(cell) for cell in cells]
        if not any(outcomes):
            shown = [scores.absence(cells[0]), *[""] * (len(cells) - 1)]
        else:
            shown = [
                f"{_share(value(each, weighted_f1))} / {_share(value(each))}{scores.seeds(cell)}"
                if each
                else NOT_RUN
                for each, cell in zip(outcomes, cells, strict=True)
            ]
        rows.append([network, target, start, *shown])
    laid_out = table(["network", "target", "start", *map(_percent, portions)], rows, (0, 1, 2))
    return f"Weighted F1 / macro-F1, by portion of the people learned from:\n\n{laid_out}" if rows else ""


def _gains(scores: Scores, *, all_rows: bool = True) -> str:
    """Lay out the gain over a random start where few are recorded; of all starts, or of the three that matter, as far as they were scored."""
    few = [portion for portion in scores.settings.portions if portion in FEW]
    matter, rows = {scores.settings.source, OURS, OURS_ALL}, []
    for network, target, start in _main(scores):
        if start == RANDOM:
            continue
        cells = [Cell(network, target, portion, start, 0) for portion in few]
        gains = [scores.gain(cell, replace(cell, start=RANDOM)) for cell in cells]
        if not all_rows and not (any(gains) and start in matter):
            continue
        shown = [_gain(made, scores.absence(cell)) for made, cell in zip(gains, cells, strict=True)]
        if not any(gains) and shown:
            shown[1:] = [""] * (len(shown) - 1)
        rows.append([network, target, start, *shown])
    laid_out = table(["network", "target", "start", *map(_percent, few)], rows, (0, 1, 2))
    caption = "Gain in macro-F1 over a random start, bold where 95 % of it hold no 0:"
    return f"{caption}\n\n{laid_out}" if rows and few else ""


def _longer(scores: Scores) -> str:
    """Lay out what is left of a gain where both starts have more steps."""
    portions, rows = scores.settings.portions, []
    for target in scores.settings.targets:
        cells = [Cell(SMALL, target, portion, OURS_LONG, 0) for portion in portions]
        planned = [cell for cell in cells if cell in scores.cells()]
        gains = {cell.portion: scores.gain(cell, replace(cell, start=LONG)) for cell in planned}
        if any(gains.values()):
            rows.append([target, *(_gain(gains[p], NOT_RUN) if p in gains else "" for p in portions)])
    caption = f"The same of `{OURS_LONG}` over `{LONG}`, which both have {TIMES} times the steps, {SMALL}:"
    return f"{caption}\n\n{table(['target', *map(_percent, portions)], rows)}" if rows else ""


def _crossings(scores: Scores) -> str:
    """Lay out from which portion on a random start is as good."""
    portions, rows = scores.settings.portions, []
    for target in scores.settings.targets:
        for start in (scores.settings.source, OURS, OURS_ALL):
            cells = [Cell(SMALL, target, portion, start, 0) for portion in portions]
            gains = [scores.gain(cell, replace(cell, start=RANDOM)) for cell in cells]
            if any(gains):
                shown = [_gain(made, NOT_RUN) for made in gains]
                rows.append([target, start, *shown, _crossing(portions, gains)])
    laid_out = table(["target", "start", *map(_percent, portions), "no longer told apart from"], rows, (0, 1))
    return f"The same by portion, {SMALL}:\n\n{laid_out}" if rows else ""


def _crossing(portions: Sequence[float], gains: Sequence[tuple[float, Interval | None] | None]) -> str:
    """Say from which portion on no gain is sure any more; of portions that were not run nothing is said."""
    scored = [(portion, made[1]) for portion, made in zip(portions, gains, strict=True) if made and made[1]]
    sure = [portion for portion, (low, _) in scored if low > 0.0]
    if not scored:
        return ""
    if not sure:
        return _percent(scored[0][0])
    later = [portion for portion, _ in scored if portion > sure[-1]]
    return _percent(later[0]) if later else f"still is at {_percent(sure[-1])}"


def _layers(scores: Scores) -> str:
    """Lay out which convolutions to transfer, frozen or not."""
    settings, rows = scores.settings, []
    target = settings.layers_target
    start = Cell(PUBLISHED, target, LAYERS_PORTION, RANDOM, 0)
    cells = [cell for cell in scores.cells() if _is_of_layers(settings, cell)]
    for cell in [start, *sorted(cells, key=lambda cell: (cell.frozen, cell.layers))]:
        of = scores.outcome(cell)
        theirs = 86.67 if cell.start == RANDOM else paper.LAYERS[cell.layers, cell.frozen]
        absent = [scores.absence(cell), ""]
        shown = [_share(value(of, weighted_f1)), f"{_share(value(of))}{scores.seeds(cell)}"] if of else absent
        by = "" if cell.start == RANDOM else _gain(scores.gain(cell, start), "")
        name = (
            "none: random start"
            if cell.start == RANDOM
            else f"c1{f'-{cell.layers}' if cell.layers > 1 else ''}"
        )
        rows.append([name, "frozen" if cell.frozen else "", *shown, by, f"{theirs:.2f}"])
    head = ["convolutions", "", "weighted F1", "macro-F1", "gain in macro-F1", "published, wF1 %"]
    caption = (
        f"Which convolutions to transfer: tCNN, {settings.source} to {_percent(LAYERS_PORTION)} of {target}; "
        "published is JHMDB synth to all of PAMAP2:"
    )
    return f"{caption}\n\n{table(head, rows, (0, 1))}"


def _is_of_layers(settings: Settings, cell: Cell) -> bool:
    return (cell.network, cell.target, cell.portion, cell.start) == (
        PUBLISHED, settings.layers_target, LAYERS_PORTION, settings.source
    )  # fmt: skip


def _archives(scores: Scores) -> str:
    """Lay out the published targets: the paper's figures, and ours beside them."""
    portions, rows = scores.settings.portions, []
    for archive in scores.settings.archives:
        starts = {(cell.network, cell.start): None for cell in scores.cells() if cell.target == archive}
        for network in dict.fromkeys(network for network, _ in starts):
            for name, figures in (("no transfer", paper.RANDOM), ("best transfer", paper.BEST)):
                if (theirs := figures.get((archive, network))) is not None:
                    of = dict(zip(paper.PORTIONS, theirs, strict=True))
                    shown = [f"{of[portion]:.2f}" if of.get(portion) else "" for portion in portions]
                    rows.append([archive, network, f"published, {name}", *shown])
            rows += _measured(scores, archive, network, [start for of, start in starts if of == network])
    laid_out = table(["target", "network", "", *map(_percent, portions)], rows, (0, 1, 2))
    caption = "The published targets with their splits: weighted F1 as published, weighted F1 / macro-F1 as measured here, %:"
    return f"{caption}\n\n{laid_out}" if rows else ""


def _measured(scores: Scores, archive: str, network: str, starts: Sequence[str]) -> list[list[str]]:
    """Lay out what was measured on an archive, a row for each start; one row for all if nothing was."""
    portions = scores.settings.portions
    rows = []
    for start in starts:
        outcomes = [scores.outcome(Cell(network, archive, portion, start, 0)) for portion in portions]
        if any(outcomes):
            shown = [
                f"{100 * value(each, weighted_f1):.2f} / {100 * value(each):.2f}" if each else NOT_RUN
                for each in outcomes
            ]
            rows.append([archive, network, f"measured here, {start}", *shown])
    absent = scores.absence(Cell(network, archive, portions[0], starts[0], 0))
    return rows or [[archive, network, "measured here", absent, *[""] * (len(portions) - 1)]]


def _sources(scores: Scores) -> str:
    """Lay out what is learned of the sources themselves."""
    rows = []
    for source in (f"{name} {kind}" for name in SETS for kind in KINDS):
        fits = [scores.source(network, source) for network in (PUBLISHED, SMALL)]
        theirs = paper.SOURCES.get(source)
        if any(fits):
            shown = [f"{_share(value(fit.outcome, weighted_f1))}" if fit else NOT_RUN for fit in fits]
            learned = next(fit.learned for fit in fits if fit)
            rows.append([source, f"{learned}", *shown, "" if theirs is None else f"{theirs / 100:.3f}"[1:]])
    laid_out = table(["source", "windows", PUBLISHED, SMALL, "published, tCNN, 30 Hz"], rows)
    return f"The sources themselves, weighted F1 on clips that are held out:\n\n{laid_out}" if rows else ""


def _costs(scores: Scores) -> str:
    """Lay out what a fit takes, and all of them."""
    rows = []
    for network in dict.fromkeys(cell.network for cell in scores.cells()):
        cells = [cell for cell in scores.cells() if cell.network == network]
        seconds = [fit.seconds for cell in cells for fit in scores.fits(cell).values()]
        if seconds:
            rows.append(
                [
                    network,
                    f"{len(seconds)}",
                    f"{len(cells) * scores.settings.seeds}",
                    f"{mean(seconds):.1f}",
                    f"{sum(seconds) / 60:.0f}",
                ]
            )
    head = ["network", "fits", "planned", "CPU s each", "CPU min"]
    return f"Fits, apart from pre-training and scoring:\n\n{table(head, rows)}" if rows else ""


def draw(scores: Scores, path: Path) -> None:
    """Draw macro-F1 over the portion, a panel for each target of the small network."""
    panels: dict[str, dict[str, Line]] = {}
    portions = sorted(scores.settings.portions)
    for target in scores.settings.targets:
        for start in (RANDOM, scores.settings.source, OURS, OURS_ALL):
            each = [(portion, scores.outcome(Cell(SMALL, target, portion, start, 0))) for portion in portions]
            if points := [(portion, of) for portion, of in each if of]:
                panels.setdefault(target, {})[start] = curves.line(points)
    ticks = {portion: _percent(portion) for portion in portions}
    curves.draw(panels, Axes("portion of the people", "macro-F1", ticks, logarithmic=True), path)
