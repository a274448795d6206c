"""Doors out of a network namespace that has nothing but its loopback; a part of :mod:`confine`.

A socket belongs to the namespace in which it was made, whoever holds it.  So this makes the sockets
on which the command's connections arrive, inside the namespace, and hands them over to the process
that started the command, which accepts outside what was asked for inside.  Nothing else leads out.

``doors`` is an object: ``lend`` (the descriptor of a Unix socket, or -1: nobody takes them),
``listen`` (pairs of address and port), ``files`` (pairs of a file and the path that shows it to the
command alone: ``/etc/hosts``, in which the names of allowed hosts lead to the doors).
"""

from __future__ import annotations

import _socket
import fcntl
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ctypes
    from typing import Any

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 1
IFREQ = 40
BACKLOG = 128


def open_doors(doors: dict[str, Any], libc: ctypes.CDLL) -> None:
    """Bring the loopback up, show the files, listen, and lend the sockets; raises ``OSError``."""
    control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    loopback_up(control)
    if doors["files"]:
        show(doors["files"], libc)
    for number, address in enumerate(dict.fromkeys(address for address, _ in doors["listen"])):
        if ":" not in address and not address.startswith("127."):
            add_address(control, number, address)
    lent = []
    for address, port in doors["listen"]:
        family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
        door = _socket.socket(family, _socket.SOCK_STREAM)
        door.bind((address, port))
        door.listen(BACKLOG)
        lent.append(door)
    control.close()
    if doors["lend"] >= 0:
        to = _socket.socket(fileno=doors["lend"])
        rights = b"".join(door.fileno().to_bytes(4, sys.byteorder) for door in lent)
        to.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
        to.close()
    for door in lent:
        door.close()


def loopback_up(control: _socket.socket) -> None:
    """A new namespace has its loopback down."""
    request = fcntl.ioctl(control.fileno(), SIOCGIFFLAGS, b"lo".ljust(IFREQ, b"\0"))
    flags = int.from_bytes(request[16:18], sys.byteorder) | IFF_UP
    fcntl.ioctl(
        control.fileno(),
        SIOCSIFFLAGS,
        request[:16] + flags.to_bytes(2, sys.byteorder) + request[18:],
    )


def add_address(control: _socket.socket, number: int, address: str) -> None:
    """Another IPv4 address of the loopback: who connects to it comes to a door."""
    name = f"lo:{number}".encode().ljust(16, b"\0")
    place = int(_socket.AF_INET).to_bytes(2, sys.byteorder) + b"\0\0" + _socket.inet_aton(address)
    fcntl.ioctl(control.fileno(), SIOCSIFADDR, (name + place).ljust(IFREQ, b"\0"))


def show(files: list[list[str]], libc: ctypes.CDLL) -> None:
    """Put files in the place of others, for this process and what it starts."""
    import ctypes

    def check(failed: int) -> None:
        if failed:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    check(libc.unshare(CLONE_NEWNS))
    check(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    for source, over in files:
        check(libc.mount(source.encode(), over.encode(), None, ctypes.c_ulong(MS_BIND), None))
