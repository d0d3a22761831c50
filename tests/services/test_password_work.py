"""Argon2 behind a semaphore: many sign-ins at once exhaust neither processors nor memory (threats B02)."""

import resource
import threading
import time

import pytest

from crypto.passwords import PasswordCost
from idp.cli.serve import BLOCKING_THREADS
from idp.composition import PASSWORD_QUEUE, PASSWORDS_AT_ONCE
from idp.domain.errors import Busy
from idp.protocol.age_tokens.signers import AT_ONCE, WAITING
from idp.services.password_work import PasswordWork

WIDTH, QUEUE = 2, 8
COST = PasswordCost(opslimit=2, memlimit=16 * 1024 * 1024)


def _together(work: PasswordWork, callers: int) -> tuple[int, int]:
    """So many passwords at once: how many were checked, how many told to come back."""
    checked, busy, lock, start = [0], [0], threading.Lock(), threading.Barrier(callers)

    def caller() -> None:
        start.wait(timeout=30)
        try:
            work.verify(None, "a wrong password")
            outcome = checked
        except Busy:
            outcome = busy
        with lock:
            outcome[0] += 1

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return checked[0], busy[0]


def test_500_sign_ins_at_once_take_the_memory_of_two() -> None:
    work = PasswordWork(WIDTH, QUEUE, COST)
    work.verify(None, "x")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    checked, busy = _together(work, 500)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert checked + busy == 500
    assert checked >= WIDTH + QUEUE
    assert busy > 0
    # Two hashes of 16 MiB and 500 small stacks; all at once would be 8 GB.
    assert grown < WIDTH * COST.memlimit + 64 * 1024 * 1024


def test_places_are_given_back_whatever_happens() -> None:
    work = PasswordWork(1, 0, COST)
    for _ in range(3):
        assert not work.verify(None, "x")
        with pytest.raises(TypeError):
            work.verify(None, None)  # type: ignore[arg-type]
    assert work.verify(work.hash("right"), "right")


def test_a_full_queue_answers_at_once() -> None:
    work = PasswordWork(1, 0, COST)
    inside, leave = threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        leave.wait(60)

    thread = threading.Thread(target=lambda: work._work(slow))
    thread.start()
    assert inside.wait(20)
    begun = time.perf_counter()
    with pytest.raises(Busy):
        work.verify(None, "x")
    # Whoever waited for a place would wait for a minute.
    assert time.perf_counter() - begun < 5
    leave.set()
    thread.join()


def test_a_rush_leaves_threads_for_all_else() -> None:
    """Else the worker would answer nothing, not even that it is busy."""
    assert PASSWORDS_AT_ONCE + PASSWORD_QUEUE <= BLOCKING_THREADS - 12
    assert AT_ONCE + WAITING <= BLOCKING_THREADS - 12, "batches of age tokens"
