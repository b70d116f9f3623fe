"""The table of bad configurations: what is wrong -> what is written and what is told. The file is ``f``."""

from __future__ import annotations

from edge_agent.config.leaks import SECRET_ADVICE

ENDPOINT = "endpoints:\n  - {name: a, profile: custom, url: 'https://a.example', key: {env: KEY}"
"""The beginning of a good endpoint, to be ended with ``}``."""

PIN = "the BCM number of a pin, a whole number from 0 to 27"

TAIL_MS = "f:1:30: sound.half_duplex_tail_ms: expected a whole number of milliseconds from 0 to 5000"

PCM = "a sound device (default, plughw:CARD=NAME, file:PATH.wav, fifo:PATH or null)"

TOP_KEYS = (
    "mode, endpoints, reconnect, link, wake, renewal, session, conversation, budget, sound, leds, buttons, "
    "gpio, "
    "control or logging"
)

BAD: dict[str, tuple[str, str]] = {
    # Keys
    "unknown key": ("sond: {}", f"f:1:1: sond: expected {TOP_KEYS}, got an unknown key; did you mean sound?"),
    "unknown key in a section": (
        "gpio:\n  factry: none",
        "f:2:3: gpio.factry: expected factory, got an unknown key; did you mean factory?",
    ),
    "unknown key without a likeness": (
        "gpio: {x: 1}",
        "f:1:8: gpio.x: expected factory, got an unknown key",
    ),
    "key twice": (
        "mode: button\nlogging: {}\nmode: always-on\nbuttons: [{name: a, pin: 1}]",
        "f:3:1: mode: expected each key once, got a second one (the first is in line 1)",
    ),
    "merge key": (
        "gpio: &g {}\nlogging:\n  <<: *g",
        "f:3:3: logging.<<: expected each key written out, got a merge of keys",
    ),
    "required key missing": (
        "leds:\n  - type: led",
        f"f:2:5: leds[0].pin: expected {PIN}, got nothing (required)",
    ),
    "tag missing": (
        "leds: [{pin: 4}]",
        "f:1:8: leds[0].type: expected led, pwmled or rgbled, got nothing (required)",
    ),
    "unknown tag": (
        "leds: [{type: RGB-LED, pin: 4}]",
        'f:1:15: leds[0].type: expected led, pwmled or rgbled, got the text "RGB-LED"; did you mean rgbled?',
    ),
    "key of another tag": (
        "leds: [{type: led, pin: 4, brightness: 1}]",
        "f:1:28: leds[0].brightness: expected type, pin or active_high, got an unknown key",
    ),
    # Types
    "word for a section": (
        "gpio: auto",
        'f:1:7: gpio: expected a mapping with the keys factory, got the text "auto"',
    ),
    "list for a section": (
        "gpio: [auto]",
        "f:1:7: gpio: expected a mapping with the keys factory, got a list",
    ),
    "mapping for a list": (
        "leds: {pin: 1}",
        "f:1:7: leds: expected a list of at most 16 entries, got a mapping",
    ),
    "list for a word": ("mode: [button]", "f:1:7: mode: expected always-on, button or wake-word, got a list"),
    "null for a number": (
        "sound: {half_duplex_tail_ms: null}",
        f"{TAIL_MS}, got nothing (null)",
    ),
    "fraction for a whole number": (
        "sound: {half_duplex_tail_ms: 1.5}",
        f"{TAIL_MS}, got the number 1.5",
    ),
    "boolean for a number": (
        "sound: {half_duplex_tail_ms: true}",
        f"{TAIL_MS}, got the boolean true",
    ),
    "number with its unit": (
        "sound: {half_duplex_tail_ms: 300 ms}",
        f'{TAIL_MS}, got the text "300 ms"; did you mean 300?',
    ),
    "number with separators": (
        "sound: {opus: {bitrate_bps: 32_000}}",
        "f:1:29: sound.opus.bitrate_bps: expected a whole number of bits per second from 6000 to 128000, "
        'got the text "32_000"; did you mean 32000?',
    ),
    "number that is not offered": (
        "sound: {opus: {frame_ms: 30}}",
        "f:1:26: sound.opus.frame_ms: expected 10, 20, 40 or 60, got the number 30",
    ),
    "choice of numbers as a text": (
        'sound: {opus: {frame_ms: "20 ms"}}',
        'f:1:26: sound.opus.frame_ms: expected 10, 20, 40 or 60, got the text "20 ms"',
    ),
    "number for a word": (
        "session: {instructions: 5}",
        "f:1:25: session.instructions: expected a text that is not empty, got the number 5; "
        'did you mean "5"?',
    ),
    "on for true": (
        "sound: {opus: {fec: on}}",
        'f:1:21: sound.opus.fec: expected true or false, got the text "on"; did you mean true?',
    ),
    "number for a boolean": (
        "control: {raw_events: 1}",
        "f:1:23: control.raw_events: expected true or false, got the number 1",
    ),
    "word for a tagged section": (
        "session: {turn_detection: none}",
        "f:1:27: session.turn_detection: expected a mapping with type: server_vad, semantic_vad or none, "
        'got the text "none"; did you mean {type: none}?',
    ),
    "word for one of several types": (
        "session: {max_output_tokens: Inf}",
        "f:1:30: session.max_output_tokens: expected a whole number from 1 to 4096, or inf, "
        'got the text "Inf"; did you mean inf?',
    ),
    # Ranges
    "too small": (
        "conversation: {idle_limit_s: 4.9}",
        "f:1:30: conversation.idle_limit_s: expected a number of seconds from 5 to 86400, got the number 4.9",
    ),
    "too large": (
        "session: {speed: 2}",
        "f:1:18: session.speed: expected a number from 0.25 to 1.5, got the number 2",
    ),
    "infinity": (
        "session: {speed: .inf}",
        'f:1:18: session.speed: expected a number from 0.25 to 1.5, got the text ".inf"',
    ),
    "unknown choice": (
        "sound: {duplex: Full}",
        'f:1:17: sound.duplex: expected auto, full or half, got the text "Full"; did you mean full?',
    ),
    "no such pin": (
        "leds: [{type: led, pin: 28}]",
        f"f:1:25: leds[0].pin: expected {PIN}, got the number 28",
    ),
    "empty text": (
        "session: {instructions: ''}",
        'f:1:25: session.instructions: expected a text that is not empty, got the text ""',
    ),
    "no endpoint": ("endpoints: []", "f:1:12: endpoints: expected a list of 1 to 16 entries, got 0 entries"),
    "too many": (
        "leds: [" + "{type: led, pin: 1}, " * 17 + "]",
        "f:1:7: leds: expected a list of at most 16 entries, got 17 entries",
    ),
    "not a name": (
        "buttons: [{name: 'my button', pin: 1}]",
        "f:1:18: buttons[0].name: expected a name of at most 64 letters, digits, '.', '_' and '-', "
        'got the text "my button"',
    ),
    "relative path": (
        "control: {socket: run/x}",
        'f:1:19: control.socket: expected an absolute path, got the text "run/x"',
    ),
    # Meaning
    "plain http": (
        "endpoints: [{name: a, profile: local, url: 'http://192.168.0.9:80'}]",
        "f:1:44: endpoints[0].url: expected https:// (http:// only to this machine), got http:// to another; "
        "use https://, or a tunnel: ssh -N -L 8080:127.0.0.1:PORT 192.168.0.9",
    ),
    "plain http in an override": (
        ENDPOINT + ", overrides: {token_path: 'http://b.example/x'}}",
        "f:2:99: endpoints[0].overrides.token_path: expected https:// (http:// only to this machine), "
        "got http:// to another; use https://, or a tunnel: ssh -N -L 8080:127.0.0.1:PORT b.example",
    ),
    "no address": (
        "endpoints: [{name: a, profile: local, url: api.example}]",
        'f:1:44: endpoints[0].url: expected an address such as https://api.openai.com, got "api.example"',
    ),
    "address that can't be read": (
        "endpoints: [{name: a, profile: local, url: 'https://[::1'}]",
        'f:1:44: endpoints[0].url: expected an address such as https://api.openai.com, got "https://[::1"',
    ),
    "address with query": (
        "endpoints: [{name: a, profile: local, url: 'https://a.example?b=c'}]",
        "f:1:44: endpoints[0].url: expected an address without ? and #, got one with them; "
        "put query parameters into overrides: {calls_query: {…}}",
    ),
    "name twice": (
        ENDPOINT + "}\n  - {name: a, profile: local, url: 'https://b.example'}",
        'f:3:12: endpoints[1].name: expected each name once, got "a", as endpoints[0] is called',
    ),
    "pin twice": (
        "leds: [{type: rgbled, red: 1, green: 2, blue: 1}]\nbuttons: [{name: b, pin: 2}]",
        "f:1:47: leds[0].blue: expected a pin of its own, got 1, which leds[0].red has\n"
        "f:2:26: buttons[0].pin: expected a pin of its own, got 2, which leds[0].green has",
    ),
    "no key for a profile that needs one": (
        "endpoints:\n  - {name: a, profile: openai, url: 'https://a.example', model: m}",
        "f:2:5: endpoints[0].key: expected where the key of profile openai is found, such as {env: API_KEY}, "
        "got nothing",
    ),
    "key found nowhere": (
        "endpoints: [{name: a, profile: custom, url: 'https://a.example', key: {}}]",
        "f:1:71: endpoints[0].key: expected credential, file or env, got none of them",
    ),
    "no model for a profile that needs one": (
        "endpoints: [{name: a, profile: speaches, url: 'https://a.example'}]",
        "f:1:13: endpoints[0].model: expected the model to ask for (profile speaches), got nothing",
    ),
    "header with a line break": (
        ENDPOINT + ', headers: {X-A: "a\\nb"}}',
        "f:2:90: endpoints[0].headers.X-A: expected one line of text, "
        "got control characters or several lines",
    ),
    "header with a strange name": (
        ENDPOINT + ", headers: {'X A': a}}",
        "f:2:92: endpoints[0].headers.X A: expected the name of an HTTP header, got other characters",
    ),
    "sound file without .wav": (
        "sound: {input: 'file:a.mp3'}",
        'f:1:16: sound.input: expected file:PATH.wav, got "file:a.mp3"',
    ),
    "sound device missing": (
        "sound: {input: }",
        f"f:1:16: sound.input: expected {PCM}, got nothing (null)",
    ),
    "fec of an encoder that has none": (
        "sound: {opus: {fec: true, expected_loss_percent: 5, application: lowdelay}}",
        "f:1:66: sound.opus.application: expected voip or auto with fec: true, "
        "got lowdelay, which has no fec",
    ),
    "fec without loss": (
        "sound: {opus: {fec: true}}",
        "f:1:15: sound.opus.expected_loss_percent: expected 1 or more with fec: true, "
        "got 0, with which fec does nothing",
    ),
    "money without prices": (
        "budget: {currency: EUR, hard_per_day: 3}",
        "f:1:39: budget.hard_per_day: expected prices at an endpoint (endpoints[0].prices) with a limit "
        "of money, got none",
    ),
    "prices without a currency": (
        ENDPOINT + ", prices: {per_minute: 0.1}}",
        "f:1:1: budget.currency: expected the currency of the prices, such as EUR, got nothing",
    ),
    "prices of one direction": (
        "budget: {currency: EUR}\n" + ENDPOINT + ", prices: {per_million_tokens: {text_input: 4}}}",
        "f:3:104: endpoints[0].prices.per_million_tokens: expected a price of what the model writes as well, "
        "got none",
    ),
    "warning above the limit": (
        "budget: {currency: EUR, soft_per_day: 4, hard_per_day: 3}\n"
        + ENDPOINT
        + ", prices: {per_minute: 0.1}}",
        "f:1:39: budget.soft_per_day: expected at most hard_per_day, got more",
    ),
    "limit below one answer": (
        "budget: {currency: EUR, hard_per_hour: 0.1}\n"
        + ENDPOINT
        + ", prices: {per_million_tokens: {text_input: 1, audio_output: 100}}}",
        "f:1:40: budget.hard_per_hour: expected at least what a session with one answer may cost, "
        "0.4256 EUR, got 0.10 EUR; lower session.max_output_tokens, or session.truncation's "
        "post_instructions, to make that less",
    ),
    "negative price": (
        "budget: {currency: EUR}\n" + ENDPOINT + ", prices: {per_minute: -1}}",
        "f:3:96: endpoints[0].prices.per_minute: expected a number from 0 to 100000, got the number -1",
    ),
    "mode button without a button": (
        "mode: button",
        "f:1:1: buttons: expected a button for conversation or talk (mode is button), got none",
    ),
    "always on and deaf": (
        "session: {turn_detection: {type: none}}",
        "f:1:27: session.turn_detection: expected turn detection, or a button whose hold is talk, "
        "got none, so that nobody is ever heard",
    ),
    "talk that is no hold": (
        "buttons: [{name: a, pin: 1, tap: talk}]",
        "f:1:34: buttons[0].tap: expected another action, "
        "got talk, which lasts as long as the button is held; "
        "use hold: talk",
    ),
    "conversation in mode always-on": (
        "buttons: [{name: a, pin: 1, double_tap: conversation}]",
        "f:1:41: buttons[0].double_tap: "
        "expected an action of mode always-on (talk, mute, interrupt, volume-up, volume-down or none), "
        "got conversation, which belongs to modes button and wake-word",
    ),
    # Secrets
    "key in the file": (
        "endpoints: [{name: a, profile: custom, url: 'https://a.example', key: abc}]",
        "f:1:71: endpoints[0].key: expected a mapping with the keys credential, file, env, "
        f"got a value that is not shown here; {SECRET_ADVICE}",
    ),
    "key of a known form anywhere": (
        "session: {extra: {tools: [{x: sk-proj-abcdefghij0123456789}]}}",
        "f:1:31: session.extra.tools[0].x: expected no secret in this file, got what looks like one; "
        f"{SECRET_ADVICE}",
    ),
    "key under a name of its own": (
        "api_key: abc",
        f"f:1:1: api_key: expected no secret in this file, got a key for one; {SECRET_ADVICE}",
    ),
    "key in a header": (
        ENDPOINT + ", headers: {Authorization: abc}}",
        "f:2:100: endpoints[0].headers.Authorization: expected no secret in this file, got a header for one; "
        f"{SECRET_ADVICE}",
    ),
    "password in an address": (
        "endpoints: [{name: a, profile: local, url: 'https://me:pass@a.example'}]",
        f"f:1:44: endpoints[0].url: expected an address without a password, got one with it; {SECRET_ADVICE}",
    ),
    # The whole file
    "not a mapping": (
        "- mode: button",
        f"f:1:1: (file): expected a mapping with the keys {TOP_KEYS.replace(' or ', ', ')}, got a list",
    ),
    "syntax": (
        "mode: a: b",
        "f:1:8: (file): expected valid YAML, got mapping values are not allowed in this context; "
        "put a text that holds ': ' in quotes, and check the indentation",
    ),
}
