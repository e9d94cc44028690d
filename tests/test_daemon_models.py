"""The models of a configuration: each looks at what its key says."""

import pytest

from edgehar.config.schema import Config, Model
from edgehar.config.worn import Camera, Serial, Wearer
from edgehar.daemon.models import Models
from edgehar.errors import ModelError
from edgehar.pipeline.recognizer import Recognizer

SEEN, WORN = [Camera(device="0")], [Serial(placement="wrist", port="/dev/ttyACM0")]


@pytest.mark.parametrize("worn", [[], WORN], ids=["a camera", "a camera and a sensor"])
def test_a_model_of_sensors_is_none_of_cameras(worn: list[Serial]) -> None:
    config = Config(wearer=[Wearer(id="w", serial=worn, camera=SEEN)], model=Model(camera="imu_tcn"))
    with pytest.raises(
        ModelError, match=r"model\.camera: channels: imu_tcn@.* trained with acc_x .* for nose_x"
    ) as raised:
        Models(config, Recognizer)
    assert raised.value.key == "model.camera"


def test_a_model_that_nobody_needs_is_not_loaded() -> None:
    models = Models(Config(wearer=[Wearer(id="w", serial=WORN)], model=Model(camera="none")), Recognizer)
    assert models.id.startswith("imu_tcn@")
    assert models.sha256.count("+") == 0
