"""What a connection to a server raises, put into words for a person and fields for the classifier."""

from __future__ import annotations

import os
import ssl

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.session import clock
from edge_agent.session.http_answers import fault_of_certificate, shown
from edge_agent.session.http_request import NotHttp
from edge_agent.session.tcp_connection import NameNotResolved, NotConnected


def fault_of_exception(error: Exception, server: str, step: str) -> Fault:
    """Put what an exchange raises into words and fields. Its own text is not for people and is not used."""
    match error:
        case ssl.SSLCertVerificationError():
            return fault_of_certificate(error, server=server, clock_is_set=clock.is_set())
        case ssl.SSLError():
            reason = shown(error.reason or "no reason given")
            message = f"no TLS connection to {server}: {reason}; does it speak TLS at this port?"
            return Fault(FaultKind.TLS, message)
        case NameNotResolved():
            message = f"the name {server} could not be resolved; is this machine online, and the url right?"
            return Fault(FaultKind.NETWORK, message)
        case NotConnected():
            why = os.strerror(error.errno) if error.errno else shown(error.strerror or "failed")
            message = f"no connection to {server}: {why}; does the server run, and is the url right?"
            return Fault(FaultKind.NETWORK, message)
        case NotHttp():
            message = f"what {server} answered to the {step} is not HTTP; is the url's port right?"
            return Fault(FaultKind.BAD_ANSWER, message)
        case ValueError():
            return Fault(FaultKind.SETUP_REFUSED, f"the URL or a header for the {step} can't be used")
        case _:
            return Fault(FaultKind.NETWORK, f"{server} cut the connection during the {step}")
