"""Logs: each step's words apart, secrets covered, and stdout as it was."""

from __future__ import annotations

import logging
import sys
import threading
from contextvars import copy_context

from headwater.pipelines.logs import Log, captured, current_log, written_to


def test_prints_and_log_records_of_a_step_are_kept_and_secrets_covered() -> None:
    before = sys.stdout
    with captured(Log(["sesame", "open sesame", ""])) as log:
        print("the words are open sesame")
        print("and", file=sys.stderr)
        logging.getLogger("mine").warning("watch %s", "out")
    assert log.text == "the words are ***\nand\nWARNING mine: watch out\n"
    assert sys.stdout is before
    assert current_log() is None


def test_steps_at_the_same_time_do_not_mix() -> None:
    logs = [Log() for _ in range(4)]
    gate = threading.Barrier(4)

    def work(number: int) -> None:
        with captured(logs[number]):
            gate.wait()
            for _ in range(50):
                print(number)

    threads = [threading.Thread(target=copy_context().run, args=(work, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(log.text.split()) for log in logs] == [{str(number)} for number in range(4)]


def test_other_threads_write_to_a_log_that_is_handed_to_them() -> None:
    with captured(Log()) as log:

        def work() -> None:
            with written_to(log):
                print("from a thread")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert log.text == "from a thread\n"
