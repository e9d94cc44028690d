"""`python -m benchmarks.rates DATA`: what a model of worn sensors is worth at rates below those that it was trained with.

On the people of selfBACK, 100 Hz, whom the model was not fitted to: recordings of wrist and thigh thinned to each rate,
through grid, windows and recognizer, arg-max over all labels that are offered, as `edgehar-train evaluate` scores a row.
A quarter of a minute of CPU time for each rate and placement.
"""

import sys
from pathlib import Path

from edgehar.evaluation.answers import answer
from edgehar.evaluation.evaluate import left_out
from edgehar.evaluation.metrics import score
from edgehar.evaluation.plan import Run, offered
from edgehar.evaluation.truth import held_to
from edgehar.evaluation.unseen import Recordings
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load

SETS = {"selfback_thigh": "thigh", "selfback_wrist": "wrist"}
RATES_HZ = (None, 20.0, 15.0, 12.5, 10.0, 7.5, 5.0)


def main(data: str, model: str = "imu_tcn") -> None:
    """Print macro-F1 for each placement and rate."""
    recognizer = load(find(model))
    recordings = Recordings(Path(data), left_out(find(model)))
    for name, placement in SETS.items():
        trials = recordings.read(name)
        told = offered(recognizer.spec, (placement,))
        labels = tuple(sorted({label for trial in trials for *_, label in trial.truth}))
        for rate in RATES_HZ:
            run = Run(name, (placement,), labels, rate_hz=rate, decides=False)
            answers = answer(recognizer, trials, run)
            scored = score(answers.person, held_to(answers.true, answers.predicted, told), answers.predicted)
            at = f"{rate:g} Hz" if rate else "as recorded"
            spread = "" if scored.interval is None else f" {list(scored.interval)}"
            print(f"{name} {placement}, {at}: macro-F1 {scored.macro_f1:.3f}{spread}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
