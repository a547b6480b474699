"""`history.py ui`, as a person runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlpipeline.cli.work.ui_history import READ_VIEW
from support.histories import QUIET, HistoryCommand
from support.processes import SCRIPTS
from support.servers import ask, fetch

pytestmark = pytest.mark.usefixtures("quick_tables")


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        if found := re.search(r"The history is at (\S+)", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"the UI did not start: {log.read_text(encoding='utf-8')}")


def test_the_ui_answers_is_a_view_and_ends_on_ctrl_c(
    three_runs: Path, tmp_path: Path, history_command: HistoryCommand
) -> None:
    cached = Path(str(history_command("ui", "--refresh-only", "--repository", str(three_runs))["cache"])).read_bytes()
    log, elsewhere = tmp_path / "ui.log", tmp_path / "elsewhere"
    elsewhere.mkdir()
    serving = [sys.executable, str(SCRIPTS / "history.py"), "ui", "--port", "0", "--repository", str(three_runs)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            serving, cwd=elsewhere, env={**os.environ, **QUIET}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            address = address_in(log, process)
            api = f"{address}/ajax-api/2.0/mlflow"
            ids = [path.parent.name for path in three_runs.glob("mlruns/*/meta.yaml")]
            runs = ask(f"{api}/runs/search", experiment_ids=ids, order_by=["metrics.val_rmse ASC"])["runs"]
            assert [run["info"]["run_id"] for run in runs] == ["1" * 32, "2" * 32, "0" * 32]
            ask(f"{api}/runs/set-tag", run_id="1" * 32, key="edited", value="in the UI")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0, log.read_text(encoding="utf-8")
        finally:
            process.kill()
            process.wait()

    told = log.read_text(encoding="utf-8")
    assert READ_VIEW in told
    assert "0 read, 8 unchanged" in told
    with pytest.raises(OSError, match="refused"):
        fetch(address, timeout=2)
    assert (
        Path(str(history_command("ui", "--refresh-only", "--repository", str(three_runs))["cache"])).read_bytes()
        == cached
    )
    assert list(elsewhere.iterdir()) == []


def test_a_port_that_is_taken_is_named(three_runs: Path, history_command: HistoryCommand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        told = history_command("ui", "--repository", str(three_runs), "--port", str(port), code=2)

    assert f"Port {port} of 127.0.0.1 cannot be used" in str(told["reason"])
