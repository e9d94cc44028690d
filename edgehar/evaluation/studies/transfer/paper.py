"""Figures of the ICPR 2022 paper, weighted F1 in percent, for the columns beside ours: never in their place."""

from collections.abc import Mapping

PORTIONS = (0.1, 0.3, 0.5, 0.75, 1.0)

RANDOM: Mapping[tuple[str, str], tuple[float | None, ...]] = {
    ("pamap2", "tCNN"): (40.96, 44.47, 85.96, 88.17, 86.67),
    ("pamap2", "tCNN-IMU"): (40.20, 60.35, None, None, 86.91),
    ("lara mbientlab", "tCNN"): (52.92, 62.71, 69.01, 71.08, 75.06),
    ("lara mbientlab", "tCNN-IMU"): (57.47, 67.54, 70.30, 73.51, 75.09),
    ("lara motionminers", "tCNN"): (47.06, 51.19, 53.14, 63.83, 65.71),
    ("opportunity locomotion", "tCNN"): (None, None, None, None, 85.67),
    ("opportunity gesture", "tCNN"): (None, None, None, None, 87.36),
}
"""Without transfer, by archive and network, of each of the portions (tables II, IV, V, VII)."""

BEST: Mapping[tuple[str, str], tuple[float | None, ...]] = {
    ("pamap2", "tCNN"): (51.36, 81.98, 89.63, 89.64, 91.23),
    ("pamap2", "tCNN-IMU"): (59.59, 73.68, None, None, 88.56),
    ("lara mbientlab", "tCNN"): (61.93, 67.94, 73.01, 73.92, 75.90),
    ("lara mbientlab", "tCNN-IMU"): (66.95, 68.34, 73.88, 74.82, 76.04),
    ("lara motionminers", "tCNN"): (51.57, 53.80, 59.37, 65.26, 65.97),
    ("opportunity locomotion", "tCNN"): (None, None, None, None, 87.21),
    ("opportunity gesture", "tCNN"): (None, None, None, None, 89.19),
}
"""The best of all their transfers, chosen on the test set."""

LAYERS: Mapping[tuple[int, bool], float] = {
    (1, False): 89.70, (2, False): 87.72, (3, False): 86.51, (4, False): 84.96,
    (1, True): 89.08, (2, True): 87.76, (3, True): 86.43, (4, True): 23.80,
}  # fmt: skip
"""JHMDB synth to all of PAMAP2, tCNN, by convolutions and whether frozen (their spreadsheet; 86.67 without transfer)."""

SOURCES: Mapping[str, float] = {
    "jhmdb pose": 50.90, "cad60 pose": 75.75, "penn pose": 88.05, "ntu pose": 30.07,
    "jhmdb synth_cubic": 26.58, "cad60 synth_cubic": 50.11, "penn synth_cubic": 67.14, "ntu synth_cubic": 6.70,
}  # fmt: skip
"""Table I: the sets themselves, synth at 30 Hz, which their code makes by the cubic way."""
