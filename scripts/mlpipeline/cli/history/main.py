"""`history.py`: the commands that look at a history or bring it somewhere, one function each."""

import argparse
import hashlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mlpipeline.cli import entry
from mlpipeline.cli.history import adopt as adopting
from mlpipeline.core.errors import RepositoryError
from mlpipeline.core.ranking import Mode, Rule, RunSummary
from mlpipeline.reports.report import Notice, Report
from mlpipeline.reports.tables import Table

if TYPE_CHECKING:
    from mlpipeline.operations.browse import Listed, Shown
    from mlpipeline.reports import github

DESCRIPTION = """\
Look at the history of MLflow runs that a repository holds, open it in MLflow's UI,
or bring it into the folder in which the next training runs.

Only adopt commits and pushes, once, to heal what was committed by hand."""

EPILOG = """\
examples:
  python scripts/history.py list                     the leaderboard
  python scripts/history.py show 4f3a                all about one run
  python scripts/history.py ui                       MLflow's UI on http://127.0.0.1:5000
  python scripts/history.py restore --into work      continue the history in another folder
  python scripts/history.py adopt --dry-run          what a clone cannot open, and would after healing
  python scripts/history.py COMMAND --help           more of each"""

READ_VIEW = "This is a view of the history. What is edited in it is gone when it ends."


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand.

    Attributes:
        name: as it is typed.
        help: what it does, in a few words.
        description: what it does, for its own `--help`.
        examples: lines of examples, for its own `--help`.
        add_flags: adds its own flags to its parser.
        work: does it.
        extra: the lock in requirements/ that holds what it needs.
    """

    name: str
    help: str
    description: str
    examples: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    work: entry.Work
    extra: str = "persist"


def parser() -> argparse.ArgumentParser:
    """The commands of `history.py` and their flags."""
    made = entry.parser(prog="history.py", description=DESCRIPTION, epilog=EPILOG)
    commands = made.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        each = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            epilog=f"examples:\n{command.examples}\n\n{entry.EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        each.add_argument("--repository", type=Path, default=Path(), metavar="DIR", help="the checkout (default: .)")
        each.add_argument("--root", default=".", help="folder in the repository that holds mlruns/ (default: .)")
        command.add_flags(each)
        # Without a default of its own: one here would undo a --json that stands before the command.
        each.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object instead of text"
        )
        each.set_defaults(work=command.work, extra=command.extra)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run `history.py`; returns the exit code."""
    made = parser()
    return entry.run(made, _work, extra=made.parse_args(argv).extra, argv=argv)


def _work(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    return cast("entry.Work", flags.work)(flags, environ)


def _rule_flags(made: argparse.ArgumentParser) -> None:
    made.add_argument("--metric", default="val_rmse", help="metric that ranks, by its latest value (default: val_rmse)")
    made.add_argument(
        "--mode", choices=[*Mode], default=Mode.MIN, help="which end of the metric is better (default: min)"
    )


def _list_flags(made: argparse.ArgumentParser) -> None:
    _rule_flags(made)
    made.add_argument(
        "--experiment",
        action="append",
        default=[],
        metavar="NAME",
        help="list the runs of this experiment only; may be repeated (default: all)",
    )
    made.add_argument("--limit", type=int, default=20, metavar="N", help="rows at the most; 0 for all (default: 20)")
    made.add_argument("--order", choices=("rank", "time"), default="rank", help="best or newest first (default: rank)")
    made.add_argument("--all", action="store_true", help="list the runs that cannot be promoted as well, and say why")


def _list(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    # Here and below, not above: --help needs nothing but Python.
    from mlpipeline.history.folder import root_folder
    from mlpipeline.operations.browse import listing, newest_first

    rule = Rule(metric=flags.metric, mode=Mode(flags.mode), experiments=tuple(flags.experiment))
    found = listing(root_folder(flags.repository, flags.root), rule)
    excluded: dict[str, int] = {}
    for each in found:
        if each.excluded:
            excluded[each.excluded] = excluded.get(each.excluded, 0) + 1
    rows = [each for each in found if flags.all or each.rank]
    if flags.order == "time":
        rows.sort(key=lambda each: newest_first(each.run))
    shown = rows[: flags.limit] if flags.limit > 0 else rows
    return _report(
        {
            "status": "listed",
            "metric": rule.metric,
            "mode": str(rule.mode),
            "total": len(found),
            "excluded": excluded,
            "runs": [_run_json(each) for each in shown],
        },
        "\n\n".join(part for part in (_table(shown, rule, reasons=flags.all), _rest(rows, shown, excluded)) if part),
    )


def _table(shown: Sequence["Listed"], rule: Rule, *, reasons: bool) -> str:
    if not shown:
        return ""
    header = ("rank", "algorithm", rule.metric, "status", "ended", "experiment", "run", "run id")
    rows = [
        (
            str(each.rank or "-"),
            _printable(each.run.algorithm),
            "-" if each.run.value is None else f"{each.run.value:.6g}",
            each.run.status,
            _time(each.run.end_time),
            _printable(each.run.experiment),
            _printable(each.run.run_name),
            each.run.run_id,
            *([each.excluded or ""] if reasons else []),
        )
        for each in shown
    ]
    table = Table(
        header=(*header, "excluded") if reasons else header, rows=rows, numeric=frozenset({"rank", rule.metric})
    )
    return table.text()


def _rest(rows: Sequence["Listed"], shown: Sequence["Listed"], excluded: Mapping[str, int]) -> str:
    from mlpipeline.history.selection import EXCLUSIONS

    lines = [f"{len(rows) - len(shown)} more: see --limit."] if len(shown) < len(rows) else []
    if not (rows or excluded):
        lines.append("There are no runs.")
    if excluded:
        lines.append("cannot be promoted:")
        lines += [
            f"  {excluded[reason]:>5}  {reason}: {EXCLUSIONS[reason]}" for reason in EXCLUSIONS if reason in excluded
        ]
    return "\n".join(lines)


def _run_json(each: "Listed") -> dict[str, object]:
    return {"rank": each.rank, "excluded": each.excluded, **_candidate_json(each.run)}


def _candidate_json(run: RunSummary) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "run_name": run.run_name,
        "experiment": run.experiment,
        "algorithm": run.algorithm,
        "value": _json_number(run.value),
        "status": run.status,
        "deleted": run.deleted,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "model_path": run.model,
    }


def _show_flags(made: argparse.ArgumentParser) -> None:
    made.add_argument("run", metavar="RUN", help="the run's id, or as much of its beginning as is unique")
    _rule_flags(made)


def _show(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    from mlpipeline.history.folder import root_folder
    from mlpipeline.operations.browse import show

    rule = Rule(metric=flags.metric, mode=Mode(flags.mode))
    shown = show(root_folder(flags.repository, flags.root), flags.run, rule)
    outputs = {
        "status": "shown",
        "run": {**_candidate_json(shown.run), "excluded": shown.excluded},
        "meta": dict(shown.meta),
        "params": dict(shown.data.params),
        "metrics": {name: _json_number(value) for name, value in shown.data.metrics.items()},
        "tags": dict(shown.data.tags),
        "models": [vars(model) for model in shown.models],
        "artifacts": [{"path": path, "bytes": size} for path, size in shown.artifacts.items()],
    }
    return _report(outputs, _description(shown))


def _description(shown: "Shown") -> str:
    from mlpipeline.history.selection import EXCLUSIONS

    run = shown.run
    promotable = f"no: {EXCLUSIONS[shown.excluded]}" if shown.excluded else "yes"
    facts = {
        "run": run.run_id,
        "name": run.run_name,
        "experiment": f"{run.experiment} ({run.experiment_id})",
        "algorithm": run.algorithm,
        "status": f"{run.status}, deleted" if run.deleted else run.status,
        "started": _time(run.start_time),
        "ended": _time(run.end_time),
        "user": str(shown.meta.get("user_id") or ""),
        "promotable": promotable,
        "files": run.folder,
    }
    sections = {
        "": facts,
        "metrics (latest)": {name: f"{value:.6g}" for name, value in shown.data.metrics.items()},
        "params": shown.data.params,
        "tags": shown.data.tags,
        "models": {
            model.id: f"{model.name}, {model.status}, {_bytes(model.size)}, {model.folder}" for model in shown.models
        },
        "artifacts": {path: _bytes(size) for path, size in shown.artifacts.items()},
    }
    return "\n\n".join(_section(title, values) for title, values in sections.items() if values)


def _section(title: str, values: Mapping[str, str]) -> str:
    width = max(map(len, values))
    indent = "  " if title else ""
    lines = [f"{indent}{name:<{width}}  {_printable(value)}".rstrip() for name, value in values.items()]
    return "\n".join([title, *lines] if title else lines)


def _restore_flags(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--into", type=Path, metavar="DIR", help="the folder in which training runs (default: the history's own)"
    )
    made.add_argument(
        "--commit", default="", metavar="REV", help="take the history of this commit (default: the files)"
    )
    made.add_argument("--no-artifacts", dest="artifacts", action="store_false", help="bring the metadata only")


def _restore(flags: argparse.Namespace, _environ: Mapping[str, str]) -> Report:
    from mlpipeline.history.folder import FolderTree, root_folder
    from mlpipeline.operations.restore import restore

    root = root_folder(flags.repository, flags.root)
    into = root if flags.into is None else flags.into
    same_place = not flags.commit and into.resolve() == root
    if flags.commit:
        from mlpipeline.repo.checkout import Checkout

        checkout = Checkout(flags.repository)
        commit = checkout.commit(flags.commit)
        if commit is None:
            raise RepositoryError(
                f"There is no commit '{flags.commit}' in '{checkout.top}'.", remedy="git fetch, or name another."
            )
        prefix = root.relative_to(checkout.top).as_posix()
        done = restore(checkout.tree(commit, "" if prefix == "." else f"{prefix}/"), into, artifacts=flags.artifacts)
    else:
        done = restore(FolderTree.scan(root), into, artifacts=flags.artifacts, same_place=same_place)
    brought = f"{done.runs} runs in {done.files} files brought into '{into}', {done.folders} empty folders created."
    advice = f"Train in '{into}' with MLFLOW_TRACKING_URI=file:./mlruns and MLFLOW_ALLOW_FILE_STORE=true."
    notices = [
        Notice(
            level="warning",
            title="history.py restore",
            message=f"{len(done.skipped)} records are in another state in '{into}' and were left as they are there: "
            f"{', '.join(done.skipped[:10])}{', ...' if len(done.skipped) > 10 else ''}",
        )
    ]
    outputs = {
        "status": "restored",
        "runs": done.runs,
        "files": done.files,
        "folders": done.folders,
        "skipped": list(done.skipped),
        "path": str(into),
    }
    return _report(outputs, f"{brought}\n{advice}", notices if done.skipped else ())


def _ui_flags(made: argparse.ArgumentParser) -> None:
    made.add_argument("--port", type=int, default=5000, help="port of the UI; 0 for any that is free (default: 5000)")
    made.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine alone)"
    )
    made.add_argument("--refresh-only", action="store_true", help="bring the cache up to date and end")


def _ui(flags: argparse.Namespace, environ: Mapping[str, str]) -> Report:
    from mlpipeline.history.folder import refuse_none, root_folder
    from mlpipeline.ui_cache import cache, ui

    root = root_folder(flags.repository, flags.root)
    refuse_none(root)
    file = _cache_folder(root, environ) / f"browse-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}.db"
    done = cache.refresh(file, root)
    counted = f"{done.read} read, {done.kept} unchanged, {done.removed} removed"
    text = f"{'Built' if done.rebuilt else 'Refreshed'} {file}: {counted}."
    if not flags.refresh_only:
        _say(text)
        _say(f"{READ_VIEW} Starting MLflow's UI; Ctrl-C ends it.")
        for refused in done.refused:
            _say(f"warning: left out: {refused}")
        ui.serve(
            file,
            host=flags.host,
            port=flags.port,
            environ=environ,
            ready=lambda address: _say(f"The history is at {address}"),
        )
        text = "The UI has ended."
    outputs = {
        "status": "refreshed",
        "cache": str(file),
        "rebuilt": done.rebuilt,
        "read": done.read,
        "kept": done.kept,
        "removed": done.removed,
        "refused": list(done.refused),
    }
    notices = [Notice(level="warning", title="history.py ui", message=f"left out: {each}") for each in done.refused]
    return _report(outputs, text, notices if flags.refresh_only else ())


def _cache_folder(root: Path, environ: Mapping[str, str]) -> Path:
    """Where the cache is kept: inside the repository's own folder, so that no checkout sees it; else the user's."""
    from mlpipeline.repo.checkout import Checkout

    try:
        return Checkout(root).bundle_folder()
    except RepositoryError:
        home = environ.get("XDG_CACHE_HOME")
        return (Path(home) if home else Path.home() / ".cache") / "mlflow-persistence"


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _bytes(size: int) -> str:
    kibibytes = size / 1024
    return f"{kibibytes / 1024:.1f} MiB" if kibibytes >= 1024 else f"{kibibytes:.1f} KiB"


def _json_number(value: float | None) -> float | str | None:
    """JSON has no NaN and no infinity; they are told by name."""
    return value if value is None or math.isfinite(value) else str(value)


def _printable(text: str) -> str:
    """One line without control characters: a run may come from anybody, and a terminal obeys them."""
    return "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _report(outputs: Mapping[str, object], text: str, notices: Sequence[Notice] = ()) -> Report:
    # Lists are for --json alone; nobody reads these commands' outputs in a workflow.
    return Report(outputs=cast("Mapping[str, github.Output]", outputs), text=text, summary="", notices=notices)


COMMANDS: tuple[Command, ...] = (
    Command(
        name="list",
        help="rank the runs, and say which cannot be promoted",
        description="""\
List the runs of the history in the checkout as persist.py would rank them, whether they
are committed or not. Times are UTC. Reads files, needs no MLflow.""",
        examples="""\
  python scripts/history.py list --limit 50
  python scripts/history.py list --metric val_r2 --mode max --experiment houses
  python scripts/history.py list --all --order time  also those that cannot be promoted, newest first
  python scripts/history.py list --json | jq -r '.runs[].run_id'""",
        add_flags=_list_flags,
        work=_list,
    ),
    Command(
        name="show",
        help="show all about one run",
        description="""\
Show a run: when and how it ended, params, latest metrics, tags, logged models, artifacts
with their sizes, and whether it could be promoted. Reads files, needs no MLflow.""",
        examples="""\
  python scripts/history.py show 4f3a
  python scripts/history.py show 4f3a --json | jq .metrics""",
        add_flags=_show_flags,
        work=_show,
    ),
    Command(
        name="ui",
        help="open the history in MLflow's UI",
        description="""\
Open the history in MLflow's own UI, fast however long it is: what MLflow reads is a SQLite
cache in the repository's .git folder, and of the files only those that changed since the
last time are read again. It works from any folder, and artifacts open.

It is a view: edits made in the UI are gone when it ends, and never reach the history.""",
        examples="""\
  python scripts/history.py ui
  python scripts/history.py ui --port 0              any port that is free
  python scripts/history.py ui --refresh-only --json prepare the cache, print where it is""",
        add_flags=_ui_flags,
        work=_ui,
        extra="train",
    ),
    Command(
        name="restore",
        help="bring the history into the folder of the next training",
        description="""\
Bring mlruns/ and mlflow-artifacts/ into a folder, so that training continues in that
history: in the same experiments, with the earlier runs and registered models at hand.
In the checkout itself it creates the empty folders that Git does not keep and MLflow wants.

No file is ever overwritten: what the folder holds in another state is left as it is and
named. Files are written beside their place and renamed, so nothing is ever half there.""",
        examples="""\
  python scripts/history.py restore                  what Git dropped, in the checkout itself
  python scripts/history.py restore --into work      into another folder
  python scripts/history.py restore --commit origin/ml-history --no-artifacts""",
        add_flags=_restore_flags,
        work=_restore,
    ),
    Command(
        name="adopt",
        help="heal a repository that already commits an mlruns/",
        description=adopting.DESCRIPTION,
        examples=adopting.EXAMPLES,
        add_flags=adopting.add_flags,
        work=adopting.work,
    ),
)
