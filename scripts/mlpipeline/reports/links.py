"""Addresses of pages in MLflow's UI; pure."""

UI = "http://127.0.0.1:5000"
"""Where `mlflow ui` listens unless it is told otherwise."""


def runs_page(experiment_id: str, *, ui: str = UI) -> str:
    """Address the page of an experiment's runs.

    MLflow 3's `#/experiments/<id>` opens an empty page of traces, whatever the experiment holds.
    """
    return f"{ui}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
