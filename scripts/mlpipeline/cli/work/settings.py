"""Make settings of flags, the environment and `mlflow-git.yaml`, in this order."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from mlpipeline.cli.context import context_of
from mlpipeline.core.configuration import CONFIGURATION, Configuration, parse
from mlpipeline.core.documents import LARGEST
from mlpipeline.core.errors import InputError
from mlpipeline.core.files import read_regular
from mlpipeline.core.ranking import Mode, RuleOptions
from mlpipeline.core.settings import PublishSettings
from mlpipeline.history.folder import repository_top, root_folder

REMOTE = "origin"


def publish_settings(flags: argparse.Namespace, environ: Mapping[str, str]) -> PublishSettings:
    """Make the settings of a publication.

    Raises:
        InputError: the configuration cannot be used, or the root leaves the repository.
    """
    configured = configuration(flags.repository)
    branch = flags.branch or configured.branch
    context = context_of(environ, branch=branch or "")
    return PublishSettings(
        repository=flags.repository,
        root=flags.root or configured.root or ".",
        remote=flags.remote or configured.remote or REMOTE,
        branch=branch,
        rule=_asked(flags).over(configured.rule),
        update=flags.update,
        dry_run=context.act if flags.dry_run is None else flags.dry_run,
        attempts=flags.attempts,
        allow_secrets=frozenset((*flags.allow_secret, *configured.allow_secrets)),
        context=context,
    )


def history_root(flags: argparse.Namespace) -> Path:
    """Find the folder of the history that the flags or the configuration name.

    Raises:
        InputError: there is no such folder, or the configuration cannot be used.
    """
    return root_folder(flags.repository, flags.root or configuration(flags.repository).root or ".")


def rule_options(flags: argparse.Namespace) -> RuleOptions:
    """Say what the flags and the configuration ask of the rule.

    Raises:
        InputError: the configuration cannot be used.
    """
    return _asked(flags).over(configuration(flags.repository).rule)


def configuration(repository: Path) -> Configuration:
    """Read the configuration at the top of a checkout; empty where there is none.

    Raises:
        InputError: it cannot be read or used.
    """
    file = repository_top(repository) / CONFIGURATION
    try:
        return parse(read_regular(file, largest=LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return Configuration()
    except OSError as error:
        raise InputError(f"{CONFIGURATION} cannot be read: {error.strerror}.") from error


def _asked(flags: argparse.Namespace) -> RuleOptions:
    experiments = getattr(flags, "experiment", None)
    return RuleOptions(
        metric=flags.metric or None,
        mode=Mode(flags.mode) if flags.mode else None,
        experiments=None if experiments is None else tuple(experiments),
    )
