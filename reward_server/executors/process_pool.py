"""Runs heavy pure functions where a hanging one can be killed: worker processes, no signals, no shared locks.

Each worker has a pipe of its own and a thread here that hands it one task at a time, waits no longer than the task's
time, and kills and replaces it when that has passed. Nothing is shared between workers: pools that share a queue or a
lock among them (concurrent.futures, Pebble) stop for all when a worker is killed in the wrong moment, by the kernel's
out-of-memory killer for instance. Works from threads and from asyncio alike.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from reward_server.errors import TaskTimedOut, WorkerLost
from reward_server.executors.worker import WorkerFault, serve_tasks

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

# Imported once, in the process that workers are forked from, so that a replaced worker is there within milliseconds.
PRELOAD = ["reward_server.checks.preload"]


@dataclass(frozen=True, eq=False)
class Task:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    timeout_seconds: float
    future: Future[Any]


class KillablePool:
    """A pool of worker processes. `close` ends everything at once."""

    def __init__(self, *, workers: int, memory_bytes: int, tasks_per_worker: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._slots = [_Slot(self._tasks, memory_bytes, tasks_per_worker) for _ in range(workers)]

    async def run(self, function: Callable[..., T], *args: Any, timeout_seconds: float) -> T:
        """What the function returns. Raises TaskTimedOut, TaskOutOfMemory, WorkerLost, or its own exception.

        The time counts from the moment a worker takes the task, without what the worker waited for a processor: a busy
        machine is no fault of the task. Cancelling takes a waiting task out of the queue and kills the worker of a
        running one.
        """
        task = Task(function, args, timeout_seconds, Future())
        self._tasks.put(task)
        try:
            result: T = await asyncio.wrap_future(task.future)
            return result
        except asyncio.CancelledError:
            for slot in self._slots:
                slot.abandon(task)
            raise

    def outage(self) -> str | None:
        """Why no task is run for the moment: not one worker could be started again. None where all is well."""
        faults = [slot.fault for slot in self._slots]
        return f"no check worker can be started ({faults[0]})" if all(faults) else None

    async def ready(self) -> None:
        """Return when every worker has started."""
        await asyncio.gather(*(asyncio.wrap_future(slot.started) for slot in self._slots))

    def close(self) -> None:
        """Kill the workers; tasks that wait or run end as lost."""
        for _ in self._slots:
            self._tasks.put(None)
        for slot in self._slots:
            slot.close()


class _Slot:
    """A thread and its worker process, one after the other for as long as the pool lives."""

    def __init__(self, tasks: queue.SimpleQueue[Task | None], memory_bytes: int, tasks_per_worker: int) -> None:
        self._tasks = tasks
        self._memory_bytes = memory_bytes
        self._tasks_per_worker = tasks_per_worker
        self._lock = threading.Lock()  # over `_current` and the life of the process
        self._current: Task | None = None
        self._closed = False
        self.fault: str | None = None  # why the worker could not be started at the last attempt
        self.started: Future[None] = Future()
        self._thread = threading.Thread(target=self._drive, name="check-worker", daemon=True)
        self._thread.start()

    def abandon(self, task: Task) -> None:
        """Nobody waits for the task any more: if this slot's worker has it, kill that worker."""
        with self._lock:
            if self._current is task:
                self._process.kill()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._current is not None:
                self._process.kill()
        self._thread.join()

    def _drive(self) -> None:
        try:
            self._start()
        except Exception as error:
            self.started.set_exception(error)
            return
        self.started.set_result(None)
        served = 0
        while (task := self._tasks.get()) is not None and not self._closed:
            if not task.future.set_running_or_notify_cancel():
                continue
            served += 1
            alive = self._serve(task)
            if not alive or served == self._tasks_per_worker:
                self._stop()
                self._restart()
                served = 0
        if task is not None and task.future.set_running_or_notify_cancel():
            task.future.set_exception(WorkerLost("the pool was closed"))
        self._stop()

    def _serve(self, task: Task) -> bool:
        """Give the task to the worker and its result to the future. False when the worker must be replaced."""
        with self._lock:
            self._current = task
        try:
            self._pipe.send((task.function, task.args))
            if not self._answers_within(task.timeout_seconds):
                late = TaskTimedOut(f"the check did not end within {task.timeout_seconds:g} s")
                self._process.kill()
                _settle(task, late)
                return False
            value, error = self._pipe.recv()
        except (EOFError, OSError):
            _settle(task, WorkerLost("the worker process died while it judged the item"))
            return False
        except Exception:  # whatever it is, somebody waits for the task, and the thread has to go on
            log.exception("a task could not be handed to its worker")
            _settle(task, WorkerLost("the task could not be handed to a worker"))
            return False
        finally:
            with self._lock:
                self._current = None
        _settle(task, error, value)
        return not isinstance(error, WorkerFault)

    def _answers_within(self, seconds: float) -> bool:
        """Whether there is an answer before the worker has had so many seconds, running or asleep."""
        began, waited = time.monotonic(), self._waited_for_a_processor()
        left = seconds
        while left > 0:
            if self._pipe.poll(left):
                return True
            left = seconds - (time.monotonic() - began) + self._waited_for_a_processor() - waited
        return self._pipe.poll()  # this thread may be late itself

    def _waited_for_a_processor(self) -> float:
        """Seconds since the worker began; 0 on a system that does not count them."""
        try:
            return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve_tasks, args=(theirs, self._memory_bytes), daemon=True)
        self._process.start()
        theirs.close()

    def _restart(self) -> None:
        """Start until it works: the fork server itself may just have been killed, and then comes back."""
        pause = FIRST_PAUSE_SECONDS
        while not self._closed:
            try:
                self._start()
                self.fault = None
                return
            except Exception as error:
                self.fault = type(error).__name__
                log.exception("a check worker could not be started; trying again in %.1f s", pause)
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _stop(self) -> None:
        with suppress(ValueError, AttributeError):  # stopped before, or never started
            self._process.kill()
            self._process.join()
            self._process.close()
        self._pipe.close()


def _settle(task: Task, error: BaseException | None, value: Any = None) -> None:
    if task.future.cancelled():
        return
    if error is None:
        task.future.set_result(value)
    else:
        task.future.set_exception(error)
