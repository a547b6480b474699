"""Persist: flags to settings, outcome to report."""

import argparse
import time
from collections.abc import Mapping

from mlpipeline.cli import entry, options
from mlpipeline.operations.persist import persist
from mlpipeline.publishing.loop import Effects
from mlpipeline.reports import persisted
from mlpipeline.reports.report import Report


def work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    """Publish the job's runs."""
    settings = options.settings(flags, environ, source=flags.source, job=flags.job)
    outcome = persist(settings, Effects(now=time.time, sleep=time.sleep, say=entry.say))
    return persisted.report(outcome, strict=flags.fail_on_error)
