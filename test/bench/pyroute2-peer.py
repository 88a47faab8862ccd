"""python3-pyroute2 as people use it: one socket, one call per operation. The table is that of table.cjs.

    pyroute2-peer.py write SERVICES DESTINATIONS
    pyroute2-peer.py read

Prints milliseconds, the number of operations or records, and the version; loading the library does not count.
"""

import sys
import time
from socket import IPPROTO_TCP

import pyroute2
from pyroute2 import IPVS, IPVSDest, IPVSService

MASQUERADE = 0


def write(ipvs, services, destinations):
    for i in range(services):
        service = IPVSService(
            addr=f"192.0.{i >> 8}.{i & 255}", port=80, protocol=IPPROTO_TCP, sched_name="rr"
        )
        ipvs.service("add", service=service)
        for j in range(destinations):
            dest = IPVSDest(addr=f"10.{2 + (j >> 8)}.{j & 255}.1", port=8080, fwd_method=MASQUERADE)
            ipvs.dest("add", service=service, dest=dest)
    return services * (1 + destinations)


def read(ipvs):
    found = []
    for message in ipvs.service("dump"):
        service = IPVSService.from_message(message)
        found.append(service)
        for entry in ipvs.dest("dump", service=service):
            found.append(IPVSDest.from_message(entry))
    return len(found)


def main():
    command, *counts = sys.argv[1:]
    ipvs = IPVS()
    started = time.perf_counter()
    count = write(ipvs, *map(int, counts)) if command == "write" else read(ipvs)
    print((time.perf_counter() - started) * 1000, count, pyroute2.__version__)


main()
