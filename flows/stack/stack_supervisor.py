"""Supervise a home's stack from start to end: one thread for each service, one file with their states."""

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
from augmill.flows.config.process_identity import Identity, end, identity, processes_with_mark, variable_values
from augmill.flows.config.stack_state import ServiceState, StackState
from augmill.flows.servers.mlflow_server import is_served
from augmill.flows.servers.ports import choose, is_loopback
from augmill.flows.servers.service import Service, Unhealthy, checked_health
from augmill.flows.settings import Settings, make_folder
from augmill.flows.stack.process_supervisor import LOOK_SECONDS, ProcessSupervisor, log_file
from augmill.flows.stack.services import metrics, mlflow, prefect, worker
from augmill.policies.errors import PolicyError, StorageError

END_SECONDS = 10.0
LOGS = "logs"
UP_LOG = "up.log"


class Stack:
    """The services of one home while they are kept running. Only the holder of the home's lock creates one."""

    def __init__(self, current: Settings, host: str, ports: dict[str, int], say: Callable[[str], None]) -> None:
        self.home, self.mark = current.home, secrets.token_hex(8)
        self.stop = False  # set by signal handlers, which must not wait for a lock
        self.lock = threading.Lock()
        logs = make_folder(current.home / LOGS)
        self.services = _services(current, host, ports)
        self.api_url, self.auth = current.prefect_api_url or str(self.services[0].address), current.prefect_auth
        _refuse_unhealthy([service for service in self.services if service.launch is None])
        self.supervisors = [
            ProcessSupervisor(service, logs, self.mark, self._store_state, say) for service in self.services
        ]
        supervisor = identity(os.getpid())
        if supervisor is None:
            raise StorageError("this machine does not say which processes run.", "`augmill up` needs Linux and /proc.")
        self.state = StackState(
            supervisor, self.mark, host, time.time(), {thread.service.name: thread.state for thread in self.supervisors}
        )

    def start(self) -> None:
        """Start everything and wait until each service answers. Raises StorageError if one does not start."""
        stack_state.write(self.home, self.state)
        for supervisor in self.supervisors:
            supervisor.start()
        while not (self.stop or self._failed() or self._all_up()):
            time.sleep(LOOK_SECONDS)
        if failed := self._failed():
            raise StorageError(
                f"{failed.name} did not start: it {failed.reason}; {self._last_line(failed.name)}",
                f"Mend what {self.home / LOGS / failed.name}.log names, then start again.",
            )

    def wait(self) -> None:
        """Return when told to stop. Raises StorageError when all of our services were given up."""
        while not self.stop:
            time.sleep(LOOK_SECONDS)
            own_states = [state for state in self.state.services.values() if state.phase != "elsewhere"]
            if own_states and all(state.phase == "failed" for state in own_states):
                raise StorageError("every part was given up.", f"See {self.home / LOGS}, then start again.")

    def end(self) -> None:
        """Stop the worker and its runs first, while the server still runs, then the others; no process remains."""
        under_way = set(variable_values(worker.RUN_ID, self.mark))
        for supervisor in reversed(self.supervisors):
            supervisor.stop()
            if supervisor.service.name == worker.NAME:
                end(self._runs(), END_SECONDS)
                worker.mark_crashed(under_way, self.api_url, self.auth)
        end(list(processes_with_mark(self.mark)), END_SECONDS)
        stack_state.forget(self.home)

    def kill_all(self) -> None:
        """Kill everything now."""
        for supervisor in self.supervisors:
            supervisor.kill()

    def _runs(self) -> list[Identity]:
        """Our processes that belong to no service: runs, which are sessions of their own and may outlive the worker."""
        service_pids = {supervisor.process.pid for supervisor in self.supervisors if supervisor.process}
        runs = []
        for process in processes_with_mark(self.mark):
            with suppress(ProcessLookupError):
                if os.getsid(process.pid) not in service_pids:
                    runs.append(process)
        return runs

    def _store_state(self, state: ServiceState) -> None:
        with self.lock:
            self.state = replace(self.state, services={**self.state.services, state.name: state})
            if not self.stop:
                with suppress(OSError):  # a full disk: what runs goes on running
                    stack_state.write(self.home, self.state)

    def _failed(self) -> ServiceState | None:
        return next((state for state in self.state.services.values() if state.phase == "failed"), None)

    def _all_up(self) -> bool:
        return all(state.phase in ("up", "elsewhere") for state in self.state.services.values())

    def _last_line(self, name: str) -> str:
        with suppress(OSError):
            lines = (self.home / LOGS / f"{name}.log").read_text(errors="replace").split("\n")
            return "it says: " + next(line for line in reversed(lines) if line.strip())[:300]
        return "it said nothing."


@contextmanager
def signals_stop(stack: Stack) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that goes away stop the stack in order; a second one kills it."""

    def on_signal(*_: object) -> None:
        if stack.stop:
            stack.kill_all()
        stack.stop = True

    before = {sign: signal.signal(sign, on_signal) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def remove_orphans(current: Settings) -> list[Identity]:
    """End the processes left by a killed supervisor, and return them. Only the holder of the lock may call it."""
    stack = stack_state.last_state(current.home)
    if stack is None:
        return []
    orphans = list(processes_with_mark(stack.mark))
    end(orphans, END_SECONDS)
    stack_state.forget(current.home)
    return orphans


def ports_for(
    current: Settings, host: str, requested: dict[str, int | None], say: Callable[[str], None]
) -> dict[str, int]:
    """A port for each of our servers, the same as last time where it is free; a change is reported by `say`."""
    last = stack_state.remembered_ports(current.home)
    ports = {name: port for name, port in requested.items() if port}
    if len(set(ports.values())) < len(ports):
        raise PolicyError("two servers are to have one port.", "Give each of the options for ports another number.")
    for name, first in ((module.NAME, module.FIRST_PORT) for module in (prefect, mlflow, metrics)):
        option = f"--{name}-port"
        ports[name] = choose(host, first, requested.get(name), last.get(name), option, set(ports.values()))
        preferred = requested.get(name) or last.get(name, first)
        if ports[name] != preferred:
            say(f"port {preferred} is taken by another program: {name} is at {ports[name]}")
    stack_state.remember_ports(current.home, ports)
    return ports


def log_and_show(home_log: logging.Handler, show: Callable[[str], None] | None) -> Callable[[str], None]:
    """A function that writes messages to the log of the stack, and to the terminal if `show` is given."""
    home_log.setFormatter(logging.Formatter("%(asctime)s %(message)s"))

    def say(text: str) -> None:
        home_log.handle(logging.LogRecord("", logging.INFO, "", 0, text, None, None))
        if show:
            show(text)

    return say


def log_of(current: Settings) -> logging.Handler:
    """The log of the stack itself."""
    return log_file(make_folder(current.home / LOGS) / UP_LOG)


def _services(current: Settings, host: str, ports: dict[str, int]) -> list[Service]:
    """The services of the stack; they are stopped from the last to the first."""
    own_url = f"http://127.0.0.1:{ports[prefect.NAME]}/api"  # PREFECT_API_URL may hold our own address
    external_url = current.prefect_api_url if current.prefect_api_url != own_url else None
    prefect_service = (
        prefect.external_service(current) if external_url else prefect.service(current, host, ports[prefect.NAME])
    )
    store_is_served = is_served(current.tracking_uri)
    mlflow_service = (
        mlflow.external_service(current) if store_is_served else mlflow.service(current, host, ports[mlflow.NAME])
    )
    alone = not external_url and is_loopback(host)
    metrics_service = metrics.service(current, host, ports[metrics.NAME])
    return [
        prefect_service,
        mlflow_service,
        metrics_service,
        worker.service(current, external_url or str(prefect_service.address), alone=alone),
    ]


def _refuse_unhealthy(services: Sequence[Service]) -> None:
    for service in services:
        try:
            checked_health(service.health, 0.0)
        except Unhealthy as fault:
            raise StorageError(
                f"the {service.title} at {service.address} does not answer: {fault}.",
                "Start it; or unset PREFECT_API_URL or AUGMILL_TRACKING_URI, and one is started here.",
            ) from fault
