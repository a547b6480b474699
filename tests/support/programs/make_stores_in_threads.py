"""Make stores in many threads at once; run by `mlflow_plugin/test_plugin.py`."""

import json
import os
import threading
from pathlib import Path

import mlflow


def make(number: int) -> None:
    mlflow.MlflowClient(f"file:./store-{number}").search_experiments()


threads = [threading.Thread(target=make, args=(number,)) for number in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
stores = len(list(Path().iterdir()))
print(json.dumps({"flag": os.environ.get("MLFLOW_ALLOW_FILE_STORE"), "stores": stores}))
