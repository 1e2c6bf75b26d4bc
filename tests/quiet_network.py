"""A network in which nothing answers and everything is seen: run in a network namespace of its own.

usage: unshare [--map-root-user] --net python quiet_network.py [--blind] COMMANDS.json REPORT.json

Every address, of the resolver too, is a local one here, so each look-up and each connection is a packet on the
loopback interface. COMMANDS.json lists commands `{"name", "argv", "stdin", "linger"}`; with `linger`, standard input
stays open for so many seconds after its lines were written one by one. REPORT.json gets each command's exit status
and standard error, and every packet that was seen; `--blind` runs them in the machine's own network and sees none.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_ANY_PROTOCOL = 3
_OUTGOING = 4


def raise_loopback() -> None:
    """Brings the interface up; a new namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = bytearray(struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack_from("h", fcntl.ioctl(control, 0x8913, bytes(request)), 16)[0]  # SIOCGIFFLAGS
        struct.pack_into("h", request, 16, flags | 1)  # IFF_UP
        fcntl.ioctl(control, 0x8914, bytes(request))  # SIOCSIFFLAGS


def route_everything_here() -> None:
    """Adds the routes `local default dev lo` for IPv4 and IPv6."""
    index = socket.if_nametoindex("lo")
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            # rtmsg: family, lengths, tos, table local, protocol boot, scope host, type local, flags; then RTA_OIF.
            body = struct.pack("BBBBBBBBI", family, 0, 0, 0, 255, 3, 254, 2, 0) + struct.pack("HHi", 8, 4, index)
            # RTM_NEWROUTE with REQUEST, ACK, CREATE.
            netlink.send(struct.pack("IHHII", 16 + len(body), 24, 0x0405, 1, 0) + body)
            (error,) = struct.unpack_from("i", netlink.recv(4096), 16)
            if error and family == socket.AF_INET:
                raise OSError(-error, "the route could not be added")


def listen(seen: list[str]) -> None:
    """From now on notes every packet that leaves through the loopback interface."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ANY_PROTOCOL))

    def note() -> None:
        while True:
            data, (_, _, kind, *_) = raw.recvfrom(2048)
            if kind == _OUTGOING:
                words = "".join(chr(b) if 32 < b < 127 else "." for b in data)
                seen.append(f"{time.monotonic():.1f} {words[:160]}")

    threading.Thread(target=note, daemon=True).start()


def run(command: dict[str, Any], report: dict[str, Any]) -> None:
    """Runs one command to its end."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command["argv"], **pipes)
    assert process.stdin is not None
    if command.get("linger"):
        lines = command["stdin"].splitlines(keepends=True)
        for line in lines:
            process.stdin.write(line.encode())
            process.stdin.flush()
            time.sleep(command["linger"] / len(lines))
        out, err = process.communicate()
    else:
        out, err = process.communicate(command.get("stdin", "").encode())
    report[command["name"]] = {"status": process.returncode, "out": len(out), "err": err.decode()}


def main() -> None:
    """See above."""
    commands, target = json.loads(Path(sys.argv[-2]).read_text()), Path(sys.argv[-1])
    seen: list[str] = []
    if "--blind" not in sys.argv:
        raise_loopback()
        route_everything_here()
        listen(seen)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.sendto(b"probe", ("192.0.2.1", 53))  # what is not seen now would never be seen
    report: dict[str, Any] = {}
    lingering = [
        threading.Thread(target=run, args=(command, report)) for command in commands if command.get("linger")
    ]
    for thread in lingering:
        thread.start()
    for command in commands:
        if not command.get("linger"):
            run(command, report)
    for thread in lingering:
        thread.join()
    probes = [line for line in seen if "probe" in line]
    packets = [line for line in seen if line not in probes]
    target.write_text(json.dumps({"commands": report, "probes": len(probes), "packets": packets}))


if __name__ == "__main__":
    main()
