"""The things worth telling a person, each with the identity that the journal's catalog knows it by.

A notice is a kind of message, not its text. MESSAGE_ID values are random 128-bit ids made once; the catalog
(``systemd/edge-agent.catalog``) explains each of them, and a test compares the two.
See https://systemd.io/CATALOG/.
"""

from __future__ import annotations

import enum


class Severity(enum.IntEnum):
    """Syslog priorities (RFC 5424 section 6.2.1) that notices use."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class Notice(enum.Enum):
    """Kind of message: its MESSAGE_ID and its severity."""

    STARTED = ("31687cf59b2745e08438f587d3c03fdd", Severity.INFO)
    STOPPED = ("04619c89cf614bb9bd3d510210c66e44", Severity.INFO)
    RELOADED = ("d457a0abcac64f6cb2eb3759585914a9", Severity.INFO)
    RELOAD_REFUSED = ("3508a2537fc24c948d70a5e2148a9c52", Severity.ERROR)
    STATE_CHANGED = ("152fbe35490b4eda95d5450deb4f284a", Severity.INFO)
    SESSION_OPENED = ("13818a923dab479783ce00d33bf6af97", Severity.INFO)
    SESSION_RENEWED = ("30ca58396dad48018345371dcde198d0", Severity.INFO)
    NO_SUCCESSOR = ("c65ff5bbf3c24df6932f988d66d24dd2", Severity.WARNING)
    SESSION_ENDED = ("599954aac6b34b529412fc2f88bae3d4", Severity.WARNING)
    LINK_DOUBTED = ("8c7c1a35a9c84f9c9529b14c93af03ee", Severity.WARNING)
    LINK_TRUSTED = ("a5e3fa54ed334f988347d57a99cf5a06", Severity.INFO)
    CONNECT_FAILED = ("6a83bf7dd3734ff2b53305d0c5d1db65", Severity.WARNING)
    STILL_NO_SESSION = ("6ef4883fd8454f99a6f16884c6e77115", Severity.DEBUG)
    ENDPOINT_LEFT = ("d9f4508973704ca684cf78d9de2a53d2", Severity.WARNING)
    ENDPOINT_BACK = ("b08920ccd4cf4c1c86f2e68566024108", Severity.INFO)
    NO_WAY_BACK = ("d5468e2b327246618c146333c8cd405f", Severity.DEBUG)
    TRANSPORT_CHANGED = ("4d3ea810df624fbe80aaa9037d8c1bf2", Severity.NOTICE)
    PARKED = ("74f082c3d82d4468b12b018e4708a3af", Severity.ERROR)
    SERVER_ERROR = ("a34ab7aef4e04ac29605048ed789848e", Severity.WARNING)
    RESPONSE_FAILED = ("b90ff4b7014f481f9047be9c7aa8f094", Severity.WARNING)
    NO_ANSWER = ("ea74957678c744f68122686514e344b6", Severity.WARNING)
    TURN_ANSWERED = ("e0077a30809c4e09a7edee0fc8b96bf4", Severity.INFO)
    BARGE_IN = ("c18827ed833d4023b5b7f66c93ec031b", Severity.INFO)
    SELF_INTERRUPTION = ("35cb4aba83d849c8835a2fa2ff5450e9", Severity.NOTICE)
    HEARS_ITSELF = ("522d63d1dbb2408194b5672c3d4b7763", Severity.WARNING)
    FULL_DUPLEX_AGAIN = ("64334c556a174881b2f221d0c9c56902", Severity.INFO)
    SOUND_STATISTICS = ("6e89a70976e5421ca05aa680ad5820bd", Severity.INFO)
    DEVICE_LOST = ("519b8fd6da15434f852e4f09436b7bf6", Severity.ERROR)
    DEVICE_BACK = ("68872f6c839e4d41b8a2df70b4e7bb61", Severity.INFO)
    MUTED = ("70976b544bc44bb2b9daf90bc917a206", Severity.INFO)
    UNMUTED = ("2c915ee626574f75ae6e41223c39801e", Severity.INFO)
    VOLUME_CHANGED = ("14a555977fac4265a09046cd9b9161b1", Severity.INFO)
    NO_GPIO = ("bddaf923c800469fb57700a261cda43c", Severity.WARNING)
    BUDGET_LOW = ("0d46877c3849407a9f093c51dc954832", Severity.WARNING)
    BUDGET_SPENT = ("f2174fdf7f8b400a811e4fd9fbace58c", Severity.WARNING)
    BUDGET_AGAIN = ("d6e0092272c64007bb7dc84a5982d677", Severity.INFO)
    LEDGER_BROKEN = ("3ca5eab8ea824df18e764d57bcc3a222", Severity.ERROR)
    LEDGER_NOT_KEPT = ("d763ef7745db4c139ea13b63bd852e62", Severity.ERROR)
    TALKS_WITH_ITSELF = ("5881690506994aa49d0878ff9a54edb0", Severity.WARNING)
    MALFORMED_EVENT = ("8333a8d817b64cfeb67b7da6834cbb5a", Severity.WARNING)

    def __init__(self, message_id: str, severity: Severity) -> None:
        self.message_id = message_id
        self.severity = severity
