"""Ports: choose a free one, and say whose a listening one is."""

from __future__ import annotations

import os
import socket

__all__ = ["answers", "free_port", "holder", "is_free", "owned_by_group"]


def free_port(host: str) -> int:
    """A port nobody listened on a moment ago. Somebody may by the time it is used, so check the owner afterwards."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def is_free(host: str, port: int) -> bool:
    """Whether a server could bind `port` now."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return not answers(host, port)  # macOS lets a second socket bind where the first one listens on another address


def answers(host: str, port: int) -> bool:
    """Whether anybody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5) as connection:
            return connection.getsockname() != connection.getpeername()  # TCP may connect a free port with itself
    except OSError:
        return False


def owned_by_group(pgid: int, port: int) -> bool:
    """Whether a process of group `pgid` (its leader or a descendant of it) listens on `port`."""
    import psutil

    try:
        leader = psutil.Process(pgid)
        members = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return False
    for process in members:
        try:
            if os.getpgid(process.pid) == pgid and port in _listening(process):
                return True
        except (psutil.Error, ProcessLookupError):
            continue
    return False


def holder(port: int) -> str:
    """`"pid 4711 (python3)"` of the process that listens on `port`; empty where the system does not tell."""
    import psutil

    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):  # macOS tells only root about other users' sockets
        return ""
    for connection in found:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f"pid {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return ""


def _listening(process) -> set[int]:
    import psutil

    connections = getattr(process, "net_connections", None) or process.connections  # psutil < 6
    return {c.laddr.port for c in connections(kind="tcp") if c.status == psutil.CONN_LISTEN}


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
