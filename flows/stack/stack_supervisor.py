"""Look after a home's stack from its start to its end: one keeper for each part, one file that says how they are."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from augmill.flows.config import stack_state
from augmill.flows.config.process_identity import Identity, end, identity, marked, values
from augmill.flows.config.stack_state import PartState, StackState
from augmill.flows.servers.mlflow_server import is_served
from augmill.flows.servers.ports import choose, is_loopback
from augmill.flows.servers.service import NotWell, Part, answer_of
from augmill.flows.settings import Settings, make_folder
from augmill.flows.stack.process_supervisor import LOOK_SECONDS, Keeper, log_file
from augmill.flows.stack.services import metrics, mlflow, prefect, worker
from augmill.policies.errors import PolicyError, StorageError

END_SECONDS = 10.0
LOGS = "logs"
UP_LOG = "up.log"


class Stack:
    """The parts of one home while they are kept running. Only the holder of the home's lock makes one."""

    def __init__(self, current: Settings, host: str, ports: dict[str, int], say: Callable[[str], None]) -> None:
        self.home, self.mark = current.home, secrets.token_hex(8)
        self.stop = False  # set by signals, which must find no lock in their way
        self.lock = threading.Lock()
        logs = make_folder(current.home / LOGS)
        self.parts = _parts(current, host, ports)
        self.api_url, self.auth = current.prefect_api_url or str(self.parts[0].address), current.prefect_auth
        _refuse_silent([part for part in self.parts if part.launch is None])
        self.keepers = [Keeper(part, logs, self.mark, self._hear, say) for part in self.parts]
        us = identity(os.getpid())
        if us is None:
            raise StorageError("this machine does not say which processes run.", "`augmill up` needs Linux and /proc.")
        self.state = StackState(us, self.mark, host, time.time(), {one.part.name: one.state for one in self.keepers})

    def start(self) -> None:
        """Start everything and wait until each part answers. Raises StorageError if one does not come up."""
        stack_state.write(self.home, self.state)
        for keeper in self.keepers:
            keeper.start()
        while not (self.stop or self._failed() or self._all_up()):
            time.sleep(LOOK_SECONDS)
        if failed := self._failed():
            raise StorageError(
                f"{failed.name} did not start: it {failed.reason}; {self._last_line(failed.name)}",
                f"Mend what {self.home / LOGS / failed.name}.log names, then start again.",
            )

    def wait(self) -> None:
        """Return when told to stop. Raises StorageError when nothing of ours is left to look after."""
        while not self.stop:
            time.sleep(LOOK_SECONDS)
            ours = [one for one in self.state.parts.values() if one.phase != "elsewhere"]
            if ours and all(one.phase == "failed" for one in ours):
                raise StorageError("every part was given up.", f"See {self.home / LOGS}, then start again.")

    def end(self) -> None:
        """Stop the worker and its runs first, while there is a server to tell, then the others; leave nothing."""
        under_way = set(values(worker.RUN_ID, self.mark))
        for keeper in reversed(self.keepers):
            keeper.stop()
            if keeper.part.name == worker.NAME:
                end(self._runs(), END_SECONDS)
                worker.give_up(under_way, self.api_url, self.auth)
        end(list(marked(self.mark)), END_SECONDS)
        stack_state.forget(self.home)

    def hurry(self) -> None:
        """Kill everything now."""
        for keeper in self.keepers:
            keeper.kill()

    def _runs(self) -> list[Identity]:
        """Processes of ours that are in no part: runs, which are sessions of their own and may outlive the worker."""
        parts = {keeper.process.pid for keeper in self.keepers if keeper.process}
        found = []
        for process in marked(self.mark):
            with suppress(ProcessLookupError):
                if os.getsid(process.pid) not in parts:
                    found.append(process)
        return found

    def _hear(self, said: PartState) -> None:
        with self.lock:
            self.state = replace(self.state, parts={**self.state.parts, said.name: said})
            if not self.stop:
                with suppress(OSError):  # a full disk: what runs goes on running
                    stack_state.write(self.home, self.state)

    def _failed(self) -> PartState | None:
        return next((one for one in self.state.parts.values() if one.phase == "failed"), None)

    def _all_up(self) -> bool:
        return all(one.phase in ("up", "elsewhere") for one in self.state.parts.values())

    def _last_line(self, name: str) -> str:
        with suppress(OSError):
            lines = (self.home / LOGS / f"{name}.log").read_text(errors="replace").split("\n")
            return "it says: " + next(line for line in reversed(lines) if line.strip())[:300]
        return "it said nothing."


@contextmanager
def signals_stop(stack: Stack) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that goes away stop the stack in order; a second one kills it."""

    def heard(*_: object) -> None:
        if stack.stop:
            stack.hurry()
        stack.stop = True

    before = {sign: signal.signal(sign, heard) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def remove_orphans(current: Settings) -> list[Identity]:
    """End what a supervisor that was killed has left; returns what there was. Only the holder of the lock may."""
    stack = stack_state.left(current.home)
    if stack is None:
        return []
    found = list(marked(stack.mark))
    end(found, END_SECONDS)
    stack_state.forget(current.home)
    return found


def ports_for(current: Settings, host: str, asked: dict[str, int | None], say: Callable[[str], None]) -> dict[str, int]:
    """A port for each server of ours, the same as last time where it is free; a change is said."""
    last = stack_state.remembered_ports(current.home)
    found = {name: port for name, port in asked.items() if port}
    if len(set(found.values())) < len(found):
        raise PolicyError("two servers are to have one port.", "Give each of the options for ports another number.")
    for name, first in ((part.NAME, part.FIRST_PORT) for part in (prefect, mlflow, metrics)):
        option = f"--{name}-port"
        found[name] = choose(host, first, asked.get(name), last.get(name), option, set(found.values()))
        wanted = asked.get(name) or last.get(name, first)
        if found[name] != wanted:
            say(f"port {wanted} is taken by another program: {name} is at {found[name]}")
    stack_state.remember_ports(current.home, found)
    return found


def told_to(home_log: logging.Handler, show: Callable[[str], None] | None) -> Callable[[str], None]:
    """Say things in the log of the stack, and to the person at the terminal if there is one."""
    home_log.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def say(text: str) -> None:
        home_log.handle(logging.LogRecord("", logging.INFO, "", 0, text, None, None))
        if show:
            show(text)

    return say


def log_of(current: Settings) -> logging.Handler:
    """The log of the stack itself."""
    return log_file(make_folder(current.home / LOGS) / UP_LOG)


def _parts(current: Settings, host: str, ports: dict[str, int]) -> list[Part]:
    """In the order in which they are stopped, from the last."""
    ours = f"http://127.0.0.1:{ports[prefect.NAME]}/api"  # somebody may have kept our address in PREFECT_API_URL
    theirs = current.prefect_api_url if current.prefect_api_url != ours else None
    server = prefect.elsewhere(current) if theirs else prefect.part(current, host, ports[prefect.NAME])
    served = is_served(current.tracking_uri)
    pages = mlflow.elsewhere(current) if served else mlflow.part(current, host, ports[mlflow.NAME])
    alone = not theirs and is_loopback(host)
    figures = metrics.part(current, host, ports[metrics.NAME])
    return [server, pages, figures, worker.part(current, theirs or str(server.address), alone=alone)]


def _refuse_silent(others: Sequence[Part]) -> None:
    for part in others:
        try:
            answer_of(part.health, 0.0)
        except NotWell as fault:
            raise StorageError(
                f"the {part.title} at {part.address} does not answer: {fault}.",
                "Start it; or unset PREFECT_API_URL or AUGMILL_TRACKING_URI, and one is started here.",
            ) from fault
