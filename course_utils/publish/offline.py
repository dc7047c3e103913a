"""A kernel without a network: what a lesson must be able to live with.

Python reports every socket operation to its audit hooks, from the standard library and from C extensions
alike, and a hook that raises stops the operation. It cannot be taken out again, which is the point.
"""

import ipaddress
import sys

_GUARDED = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0}

# Run at the start of an IPython kernel; an expression, so that no name lands in the notebook's namespace.
STARTUP = '__import__("importlib").import_module("course_utils.publish.offline").block()\n'


class NetworkBlocked(RuntimeError):
    """Not an OSError on purpose: code that forgives a missing network would swallow that and hide the attempt."""


def block():
    """Let this process reach no other machine from now on; the loopback and local sockets stay open."""
    sys.addaudithook(_refuse)


def _refuse(event, args):
    if event not in _GUARDED:
        return
    address = args[_GUARDED[event]]
    host = address[0] if isinstance(address, tuple) else address
    # A bytes or str "address" of a connect is a local socket's path; None and "" are this machine.
    local_path = event != "socket.getaddrinfo" and not isinstance(address, tuple)
    if not (local_path or _is_here(host)):
        raise NetworkBlocked(f"this kernel may not reach the network (it tried {host!r})")


def _is_here(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: looking it up would already ask the network
        return False
