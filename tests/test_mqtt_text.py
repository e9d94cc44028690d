import pytest
from test_addresses import refusal

from edgehar.brokers.mqtt_text import check_mqtt_text, check_topic, client_id


@pytest.mark.parametrize("topic", ["sensor-logger", "phones/+/raw", "#", "phones/#", "/a", "\U0001f6b6"])
def test_a_topic_may_stand_for_many(topic: str) -> None:
    check_topic(topic)


@pytest.mark.parametrize("topic", ["", "a+", "#/a", "a#", "a\0b", "a\x1bb", "\ufffe", "\u00fc" * 32_768])
def test_what_is_no_topic_is_refused(topic: str) -> None:
    refusal(check_topic, topic)


def test_the_length_of_a_text_counts_in_bytes() -> None:
    check_mqtt_text("\u00fc" * 32_767)
    assert "expected at most 65535 bytes, got 65536" in refusal(check_mqtt_text, "\u00fc" * 32_768)


def test_of_an_id_only_what_every_broker_takes_is_left() -> None:
    assert client_id("edgehar/pi.local/my-pi_2 \u00fc") == "edgehar-pi-local-my-pi_2--"
