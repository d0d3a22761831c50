"""Figures of several threads and processes, as Prometheus reads them."""

import os
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import RawValue, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from idp.server_process import clear_metrics, load_worker, metrics_directory
from idp.settings import read_settings
from idp.web.metrics import SharedMetrics

REQUESTS = "blindage_requests_total"


def samples(metrics: SharedMetrics) -> dict[tuple[str, ...], float]:
    """Name and label values of each sample, and its value."""
    text = metrics.page()[0].decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_each_answer_is_counted_at_once_by_endpoint_and_status(tmp_path: Path) -> None:
    metrics = SharedMetrics(tmp_path, 1)
    for status in (200, 200, 400):
        metrics.observe("token", status, 0.002)
    metrics.fetched("POST", "ok")
    found = samples(metrics)
    assert found[REQUESTS, "token", "200"] == 2
    assert found[REQUESTS, "token", "400"] == 1
    assert found["blindage_outbound_requests_total", "POST", "ok"] == 1


def test_a_bucket_holds_what_took_at_most_its_bound_and_all_below(tmp_path: Path) -> None:
    metrics = SharedMetrics(tmp_path, 1)
    for seconds in (0.001, 0.005, 0.006, 9.0, 60.0):
        metrics.observe("token", 200, seconds)
    found = samples(metrics)
    buckets = {name[2]: value for name, value in found.items() if name[0] == "blindage_request_seconds_bucket"}
    assert (buckets["0.005"], buckets["0.01"], buckets["7.5"], buckets["10.0"], buckets["+Inf"]) == (2, 3, 3, 4, 5)
    assert found["blindage_request_seconds_count", "token"] == 5
    assert found["blindage_request_seconds_sum", "token"] == pytest.approx(69.012)


def test_threads_lose_nothing_and_can_be_read_meanwhile(tmp_path: Path) -> None:
    metrics = SharedMetrics(tmp_path, 1)

    def answer(thread: int) -> None:
        for turn in range(2_000):
            # New names all the time: what is read is growing.
            metrics.observe(f"endpoint{turn % 50}", 200 + thread, 0.001)

    with ThreadPoolExecutor(8) as pool:
        answering = [pool.submit(answer, thread) for thread in range(8)]
        while not all(done.done() for done in answering):
            metrics.page()
        for done in answering:
            done.result()
    found = samples(metrics)
    assert sum(value for name, value in found.items() if name[0] == REQUESTS) == 16_000


def test_the_page_of_any_process_shows_all_of_them(tmp_path: Path) -> None:
    first, second = SharedMetrics(tmp_path, 1), SharedMetrics(tmp_path, 2)
    first.observe("token", 200, 0.001)
    second.observe("token", 200, 0.001)
    # Whoever has not written down yet is missing; nobody counts what it has written down itself twice.
    assert samples(first)[REQUESTS, "token", "200"] == 1
    second.write_down()
    assert [samples(each)[REQUESTS, "token", "200"] for each in (first, second)] == [2, 2]


def test_a_worker_goes_on_where_one_of_the_same_number_ended(tmp_path: Path) -> None:
    before = SharedMetrics(tmp_path, 1)
    before.observe("token", 200, 0.001)
    before.write_down()
    after = SharedMetrics(tmp_path, 1)
    after.observe("token", 200, 0.001)
    after.write_down()
    assert samples(after)[REQUESTS, "token", "200"] == 2
    assert samples(SharedMetrics(tmp_path, 2))[REQUESTS, "token", "200"] == 2


def test_a_disk_that_refuses_loses_no_figures(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    directory.mkdir()
    metrics = SharedMetrics(directory, 1)
    metrics.observe("token", 200, 0.001)
    directory.rmdir()
    with pytest.raises(OSError):
        metrics.write_down()
    directory.mkdir()
    metrics.write_down()
    assert samples(SharedMetrics(directory, 2))[REQUESTS, "token", "200"] == 1


TORN = [b"", b"{}", b"[1]", b'{"requests": 1, "durations": [], "seconds": {}, "fetches": []}']


@pytest.mark.parametrize("torn", TORN)
def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path, torn: bytes) -> None:
    for process in (1, 2):
        (tmp_path / f"{process}.json").write_bytes(torn)
    (tmp_path / "3.json").mkdir()
    metrics = SharedMetrics(tmp_path, 1)
    metrics.observe("token", 200, 0.001)
    assert samples(metrics)[REQUESTS, "token", "200"] == 1


def test_no_page_shows_what_the_next_one_will_not(tmp_path: Path) -> None:
    """A counter that goes back, because its process was killed, would be taken for one that began anew."""
    killed, other = SharedMetrics(tmp_path, 1), SharedMetrics(tmp_path, 2)
    killed.observe("token", 200, 0.001)
    seen = samples(killed)
    assert samples(other) == seen
    killed.observe("token", 200, 0.001)
    (tmp_path / "1.part").mkdir()
    assert samples(killed) == seen, "the disk refuses, so the second answer does not show"


def test_an_orderly_end_of_a_worker_loses_no_figures(tmp_path: Path) -> None:
    """Workers are forked, and such processes run no handlers of `atexit`."""
    settings = read_settings(
        {"BLINDAGE_ISSUER": "http://127.0.0.1:9000", "BLINDAGE_DATA_DIR": str(tmp_path)}, "http://127.0.0.1:9000"
    )
    clear_metrics(settings)

    def work(parent: int, served: Connection) -> None:
        application = load_worker(settings, parent, RawValue("b", 0))
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/jwks", "QUERY_STRING": "", "HTTP_HOST": "127.0.0.1:9000"}
        for _ in range(3):
            application(environ.copy(), lambda *_: None)
        served.send(os.getpid())

    told, tell = get_context("fork").Pipe(duplex=False)
    worker = get_context("fork").Process(target=work, args=(os.getpid(), tell))
    worker.start()
    assert told.poll(60)
    file = metrics_directory(settings) / f"{told.recv()}.json"
    worker.join(60)
    assert worker.exitcode == 0 and file.exists()
    (metrics_directory(settings) / "notes").write_text("somebody else's")
    nobody = 2**22 + 1  # above every process id of Linux
    assert samples(SharedMetrics(metrics_directory(settings), nobody))[REQUESTS, "jwks", "200"] == 3
    clear_metrics(settings)
    assert {file.name for file in metrics_directory(settings).iterdir()} == {"notes"}
