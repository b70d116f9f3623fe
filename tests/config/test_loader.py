"""The table of bad configurations: what is written -> what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.loader import MAX_FILE_BYTES, load_config, parse_config
from edge_agent.config.mistakes import BadConfig
from edge_agent.config.schema import Button, Config, Led, NoTurnDetection, RetentionRatio, ServerVad
from edge_agent.errors import ConfigError
from tests.config.bad_configs import BAD, ENDPOINT


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_with_place_key_and_remedy(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "f")
    assert str(caught.value) == told


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "\n".join(
        [
            "mode: never",
            "endpoints:",
            "  - {name: a, profile: custom, url: 'http://far.example', kee: x}",
            "sound: {duplex: on, duplex: off, output: 'fifo:'}",
            "leds: [{type: led, pin: 40}, {type: led, pin: 3}, {type: led, pin: 3}]",
        ]
    )
    with pytest.raises(BadConfig) as caught:
        parse_config(text, "f")
    keys = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert keys == [
        "mode",
        "endpoints[0].key",
        "endpoints[0].url",
        "endpoints[0].kee",
        "sound.duplex",
        "sound.duplex",
        "sound.output",
        "leds[0].pin",
        "leds[2].pin",
    ]


def test_a_mistaken_value_is_told_once_only() -> None:
    with pytest.raises(BadConfig) as caught:
        parse_config(
            "mode: buton\nbuttons: [{name: a, pin: 99, hold: mute, tap: none, double_tap: none}]", "f"
        )
    assert len(caught.value.mistakes) == 2


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrstuv",
        "ek_0123456789abcdef0123456789",
        "hf_abcdefghijklmnopqrstuvwxyz",
        "0123456789abcdef0123456789abcdef",
        "Bearer abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        ENDPOINT.replace("{env: KEY}", "{secret}") + "}",
        ENDPOINT.replace("env: KEY", "env: '{secret}'") + "}",
        ENDPOINT.replace("env: KEY", "credential: '{secret}'") + "}",
        ENDPOINT + ", headers: {X-Thing: '{secret}'}}",
        ENDPOINT + ", model: '{secret}'}",
        "'{secret}': 1",
        "'{secret}': 1\n'{secret}': 2",
        "session: {extra: {a: ['{secret}']}}",
        "session: {instructions: 'The key is {secret}'}",
        "logging: {level: '{secret}'}",
        "control: {socket: '/run/{secret}'}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(text: str, secret: str) -> None:
    if secret.isalnum() and ("The key is" in text or "/run/" in text):
        return  # a bare word of letters and digits is only known for a key when it stands alone
    with pytest.raises(ConfigError) as caught:
        parse_config(text.replace("{secret}", secret), "f")
    assert secret not in str(caught.value)
    assert secret[:12] not in str(caught.value)


def test_a_message_holds_nothing_that_a_terminal_obeys() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config('"\\e[31m": 1\nmode: "\\e[2J\\r"\n', "f")
    assert str(caught.value).replace("\n", "").isprintable()


def test_norwegian_is_a_language() -> None:
    config = parse_config("session: {transcription: {model: m, language: no}}", "f")
    assert getattr(config.session.transcription, "language", None) == "no"


@pytest.mark.parametrize(
    "text", ["sound: {input: null, output: 'null'}", '{"sound": {"input": "null", "output": null}}']
)
def test_null_is_a_sound_device(text: str) -> None:
    sound = parse_config(text, "f").sound
    assert (sound.input, sound.output) == ("null", "null")


def test_an_emptied_section_keeps_its_defaults() -> None:
    text = "session:\nsound:\n  opus:\nleds:\nbuttons:\ngpio:\ncontrol:\nlogging:\n"
    assert parse_config(text, "f") == Config()


def test_values_arrive_as_they_were_written() -> None:
    text = """
mode: button
session:
  turn_detection: {type: server_vad, threshold: 1, silence_duration_ms: 700}
  truncation: {type: retention_ratio, retention_ratio: 0.5}
  max_output_tokens: inf
  extra: {tracing: null, include: [on, 1, 1.5, true], deep: {er: yes}}
leds: [{type: led, pin: 4, active_high: false}]
buttons: [{name: talk, pin: 17, hold: talk, hold_ms: 250}]
"""
    config = parse_config(text, "f")
    assert config.session.turn_detection == ServerVad(threshold=1.0, silence_duration_ms=700)
    assert config.session.truncation == RetentionRatio(retention_ratio=0.5)
    assert config.session.max_output_tokens == "inf"
    assert config.session.extra == {"tracing": None, "include": ["on", 1, 1.5, True], "deep": {"er": "yes"}}
    assert config.leds == (Led(pin=4, active_high=False),)
    assert config.buttons == (Button(name="talk", pin=17, hold="talk", hold_ms=250),)


@pytest.mark.parametrize("text", ["1", "0x1", "0o1", "1.0", "1e0"])
def test_a_whole_number_is_a_number(text: str) -> None:
    speed = parse_config(f"session: {{speed: {text}}}", "f").session.speed
    assert (type(speed), speed) == (float, 1.0)


def test_push_to_talk_alone_makes_a_deaf_session_useful() -> None:
    text = "session: {turn_detection: {type: none}}\nbuttons: [{name: a, pin: 1, hold: talk}]"
    assert isinstance(parse_config(text, "f").session.turn_detection, NoTurnDetection)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "LOCALHOST"])
def test_plain_http_is_allowed_to_this_machine(host: str) -> None:
    url = f"http://{host}:8080"
    config = parse_config(f"endpoints: [{{name: a, profile: local, url: '{url}'}}]", "f")
    assert config.endpoints[0].url == url


@pytest.mark.parametrize(
    "host", ["localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "2130706433"]
)
def test_what_only_looks_like_this_machine_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="http:// only to this machine"):
        parse_config(f"endpoints: [{{name: a, profile: local, url: 'http://{host}'}}]", "f")


def test_a_missing_file_is_told_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == (
        f"{path}: (file): expected a readable file, got 'No such file or directory'; "
        "copy config/edge-agent.yaml there, or name another file with --config"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="expected a readable file, got 'Is a directory'; name the file in it"
    ):
        load_config(tmp_path)


def test_bytes_that_are_not_utf8_are_told_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "latin1.yaml"
    path.write_bytes("mode: always-on\n# für\n".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == (
        f"{path}:2:4: (file): expected UTF-8, got the byte 0xfc; save the file as UTF-8"
    )


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_text("mode: always-on\n", encoding="utf-8-sig")
    assert load_config(path) == Config()


def test_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "crlf.yaml"
    path.write_bytes(b"mode: always-on\r\nsession:\r\n  speed: 1.5\r\n")
    assert load_config(path).session.speed == 1.5


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES * 1000)
    with pytest.raises(ConfigError, match="expected at most 256 KiB, got a larger file"):
        load_config(path)


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUND", "null")
    assert parse_config("sound: {input: '$SOUND', output: '${SOUND}'}", "f").sound.input == "$SOUND"
