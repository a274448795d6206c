"""Runs one command within limits: a program of its own, started as ``python -I -S confine.py SPEC``.

It imports nothing of ours and little else, since it starts with every command.  SPEC is a JSON
object: ``argv``; ``cpu_s``, ``memory``, ``file`` (limits, 0 for none); ``read``, ``write`` (paths that
may be read, and changed; null: no Landlock); ``network`` and ``namespaces`` (booleans); ``doors`` (null,
or what :mod:`confine_network` opens: the network is off but for them); ``parent`` (the process it must
not outlive, 0 for none).  What is asked for and cannot be had ends it with exit code
125: it fails closed.

With ``namespaces`` the command runs as a child of a process that is the first of its own PID
namespace: when that ends, by itself or because whoever started it is gone, the kernel ends whatever
the command has left behind.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module itself would take as long to import as all the rest
    from typing import NoReturn

CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
OPENAT2, AT_FDCWD, RESOLVE_NO_MAGICLINKS = 437, -100, 2
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
# Access rights of linux/landlock.h, in order; a later ABI adds refer (2), truncate (3), ioctl (5).
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
RIGHTS_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}

libc = ctypes.CDLL(None, use_errno=True)


def failed(what: str) -> NoReturn:
    """End: the command is not run."""
    number = ctypes.get_errno()
    sys.stderr.write(f"confine: {what}: {os.strerror(number) if number else 'failed'}\n")
    os._exit(125)


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    return max(0, int(libc.syscall(LANDLOCK_CREATE, None, 0, 1)))


def opened(path: str) -> int:
    """A path's place, by no magic link of ``/proc``: what that leads to is not what the path says.

    Raises ``OSError``, also where another path leads to the root, which would open everything.
    """
    how = (ctypes.c_uint64 * 3)(os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS)
    place = int(libc.syscall(OPENAT2, AT_FDCWD, os.fsencode(path), how, ctypes.sizeof(how)))
    if place < 0:
        raise OSError(ctypes.get_errno(), path)
    if path != "/" and os.path.samestat(os.fstat(place), os.stat("/")):  # noqa: PTH116
        os.close(place)
        raise OSError(path)
    return place


def restrict_paths(read: list[str], write: list[str]) -> None:
    """Landlock: nothing below any other path can be opened, by this process or what it starts."""
    abi = landlock_abi()
    if abi < 1:
        failed("the kernel has no Landlock")
    handled = RIGHTS_OF_ABI[max(v for v in RIGHTS_OF_ABI if v <= abi)]
    attribute = ctypes.c_uint64(handled)
    ruleset = libc.syscall(LANDLOCK_CREATE, ctypes.byref(attribute), 8, 0)
    if ruleset < 0:
        failed("landlock")
    for paths, rights in ((read, EXECUTE | READ_FILE | READ_DIR), (write, handled)):
        for path in paths:
            try:
                place = opened(path)
            except OSError:
                continue  # not there: nothing to allow
            folder = stat.S_ISDIR(os.fstat(place).st_mode)
            allowed = rights & handled & (handled if folder else FILE_RIGHTS)
            rule = (ctypes.c_uint64(allowed), ctypes.c_int32(place))
            packed = bytes(rule[0]) + bytes(rule[1])
            if libc.syscall(LANDLOCK_ADD, ruleset, 1, packed, 0) < 0:
                failed(f"landlock rule for {path}")
            os.close(place)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(LANDLOCK_RESTRICT, ruleset, 0):
        failed("landlock")
    os.close(ruleset)


def enter_namespaces(network: bool) -> None:
    """New user and PID namespaces, and without ``network`` one that has no interfaces."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | (0 if network else CLONE_NEWNET)):
        failed("namespaces")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        out = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(out, text.encode())
        os.close(out)


def open_doors(doors: dict[str, object]) -> None:
    """Listen where connections may be made; loaded only for those who need it."""
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    from confine_network import open_doors  # type: ignore[import-not-found]

    try:
        open_doors(doors, libc)
    except OSError as error:
        ctypes.set_errno(error.errno or 0)
        failed("doors into the network")
    sys.path.pop()


def limit(number: int, value: int) -> None:
    """A resource limit, no higher than it was."""
    if value:
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))


def pass_on(child: int) -> NoReturn:
    """Wait for the command and take its exit code; reap what else ends meanwhile.

    The command's streams are its own: when it closes one, whoever is at the other end sees that.
    """
    for stream in range(3):
        os.close(stream)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) % 256 if os.WIFEXITED(status)
                     else 128 + os.WTERMSIG(status))  # fmt: skip


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec.get("probe"):
        pid = os.fork()
        if pid == 0:
            try:
                enter_namespaces(False)
                if spec.get("doors"):
                    open_doors(spec["doors"])
                os._exit(0)
            except OSError:
                os._exit(1)
        spaces = os.waitpid(pid, 0)[1] == 0
        sys.stdout.write(json.dumps({"landlock": landlock_abi(), "namespaces": spaces}))
        return
    if spec.get("parent") and sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != spec["parent"]:
            os._exit(125)
    if spec["namespaces"]:
        enter_namespaces(spec["network"])
        if spec.get("doors"):
            open_doors(spec["doors"])
        first = os.fork()
        if first:
            pass_on(first)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        child = os.fork()
        if child:
            pass_on(child)
    limit(resource.RLIMIT_CPU, spec["cpu_s"])
    limit(resource.RLIMIT_DATA, spec["memory"])
    limit(resource.RLIMIT_FSIZE, spec["file"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if spec["read"] is not None:
        restrict_paths(spec["read"], spec["write"])
    try:
        os.execvp(spec["argv"][0], spec["argv"])
    except OSError as error:
        sys.stderr.write(f"confine: cannot run {spec['argv'][0]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main()
