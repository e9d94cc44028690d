"""Files and tables of a camera model's scores: the manifest's metrics, `scores/NAME.json`, README.md and DETAILS.md."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.evaluation import report
from edgehar.evaluation.films import FilmScore
from edgehar.evaluation.pictures import PictureScores, SetScore
from edgehar.pipeline import manifest
from edgehar.pipeline.manifest import file_of
from edgehar.training import export
from edgehar.training.files import write_whole


def publish(model: Path, scores: PictureScores, beside: Path) -> None:
    """Write the scores where readers look; ConfigError if the model is no longer the one that was scored."""
    spec = manifest.read(model)
    if spec.sha256 != scores.sha256:
        raise ConfigError(f"{model}: another network than the one that was scored; evaluate it anew")
    stem = file_of(model, "")
    export.write_manifest(stem, replace(spec, metrics=metrics(scores)))
    content = msgspec.json.format(msgspec.json.encode(scores)) + b"\n"
    (beside / "scores").mkdir(exist_ok=True)
    write_whole(beside / "scores" / f"{spec.name}.json", lambda path: path.write_bytes(content))
    report.rewrite(beside / report.README, f"{spec.name} table", tables(scores))
    report.rewrite(beside / report.DETAILS, spec.name, details(scores))


def metrics(scores: PictureScores) -> dict[str, dict[str, object]]:
    """Return what the manifest keeps."""
    rows = {name: _few(of_set) for name, of_set in scores.sets.items()}
    right = sum(film.right for film in scores.films.values())
    return rows | {"films": {"clips": len(scores.films), "right": right}}


def _few(of_set: SetScore) -> dict[str, object]:
    return {
        "clips": of_set.clips,
        "windows": of_set.windows,
        "right": of_set.right,
        "interval": [*of_set.interval],
        "macro_f1": of_set.macro_f1,
        "mark": "set never seen",
    }


def tables(scores: PictureScores) -> str:
    """Lay out both tables for a README."""
    return "\n".join([*_set_rows(scores), "", *_film_rows(scores)])


def _set_rows(scores: PictureScores) -> Iterator[str]:
    yield "| annotated poses | clips | right [95 %] | macro-F1 | commonest label alone |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, s in scores.sets.items():
        low, high = s.interval
        yield f"| {name} | {s.clips} | **{s.right:.3f}** [{low:.2f}, {high:.2f}] | {s.macro_f1:.3f} | {s.majority:.3f} |"


def _film_rows(scores: PictureScores) -> Iterator[str]:
    right = sum(film.right for film in scores.films.values())
    yield f"| film ({right} of {len(scores.films)} right) | shows | told, s | events: began at, told at, s |"
    yield "| --- | --- | --- | --- |"
    for name, film in scores.films.items():
        mark = "right" if film.right else "wrong"
        yield f"| {name.removesuffix('.mp4')} | {' or '.join(film.main)}: {mark} | {_told(film)} | {_events(film)} |"


def _told(film: FilmScore) -> str:
    longest_first = sorted(film.seconds.items(), key=lambda item: -item[1])
    return ", ".join(f"{state} {seconds:g}" for state, seconds in longest_first)


def _events(film: FilmScore) -> str:
    return ", ".join(f"{told.label} {told.began_s:.1f} {told.told_s:.1f}" for told in film.events)


def details(scores: PictureScores) -> str:
    """Lay out which answers the clips of each word of the sets got."""
    rows = ["| clips of | right | answers |", "| --- | ---: | --- |"]
    for name, by_word in scores.answers.items():
        recall = scores.sets[f"{name}, all clips"].recall
        for word, counts in by_word.items():
            common = sorted(counts.items(), key=lambda item: -item[1])[:4]
            told = ", ".join(f"{label} {count}" for label, count in common)
            rows.append(f"| {name} {word} | {recall[word]:.2f} | {told} |")
    return "\n".join(rows)
