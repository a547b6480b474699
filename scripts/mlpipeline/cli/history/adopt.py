"""`history.py adopt`: heal a repository that already commits an `mlruns/`."""

from functools import partial

from mlpipeline.cli import entry, options
from mlpipeline.reports import persisted

DESCRIPTION = """\
Heal a repository that already commits an mlruns/, in one commit that is pushed as persist.py
pushes: locations become relative, artifacts move to mlflow-artifacts/, folders that Git
dropped come back, malformed files are repaired. What cannot be read stays where it is and
is named. Experiments and versions keep their numbers.

Shows how much of the history MLflow opens in a fresh clone before and after."""

EXAMPLES = """\
examples:
  python scripts/history.py adopt --dry-run          show what is broken and would be healed
  python scripts/history.py adopt
  python scripts/history.py adopt --root backend     a history in a folder of a monorepo"""

COMMAND = entry.Command(
    name="adopt",
    summary="heal a repository that already commits an mlruns/",
    description=DESCRIPTION,
    epilog=EXAMPLES,
    # A person adopts, or a script of theirs: there is no training whose result a failure would hide.
    add_flags=partial(options.add_publishing, strict=True),
    work=entry.later("mlpipeline.cli.work.adopt"),
    failure=lambda _, error, flags: persisted.failure(error, metric=flags.metric or None),
    is_strict=lambda flags: bool(flags.fail_on_error),
)
