"""Persist: flags to settings, outcome to report."""

import argparse
import time
from collections.abc import Mapping

from mlpipeline.cli import streams
from mlpipeline.cli.work.settings import publish_settings
from mlpipeline.operations.persist import persist
from mlpipeline.publishing.loop import Effects
from mlpipeline.reports import persisted
from mlpipeline.reports.report import Report


def work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    """Publish the job's runs."""
    effects = Effects(now=time.time, sleep=time.sleep, say=streams.say)
    job = " ".join(flags.job.split())
    outcome = persist(publish_settings(flags, environ), effects, source=flags.source, job=job)
    return persisted.report(outcome, strict=flags.fail_on_error)
