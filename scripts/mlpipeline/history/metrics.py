"""Read, repair and unite the lines of a metric's file; pure."""

from dataclasses import dataclass

from mlpipeline.core.records import Kind


def metric_lines(*files: bytes) -> bytes:
    """Unite the lines of one metric: each once, in the order of time, step and text.

    MLflow 3 repeats a run's step-0 lines when it logs a model, and `mlflow migrate-filestore` fails on the copies.
    """
    lines = {b" ".join(line.split()) for file in files for line in file.splitlines() if line.strip()}
    return b"".join(line + b"\n" for line in sorted(lines, key=_line_order))


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """A metric's file as it can be stored; `lost` says what could not be kept, `data` is empty if nothing could."""

    data: bytes
    lost: str = ""


def sound_metric(data: bytes, *, of: Kind) -> Repaired:
    """Repair a metric's file so that MLflow can read it.

    MLflow writes the name of a dataset behind the step even if the name holds spaces, and then cannot read its own
    line. Time, value and step are certain in such a line and are kept; an empty file held no value.

    Raises:
        ValueError: a line holds no time and value; the message quotes it.
    """
    own = 4 if of is Kind.LOGGED_MODEL else 3
    kept: list[bytes] = []
    cut = False
    for line in data.splitlines():
        fields = line.split()
        whole = len(fields) in (own, own + 2) or (of is Kind.RUN and len(fields) == 2)
        cut |= bool(fields) and not whole
        kept += [b" ".join(fields if whole else fields[:own])] if fields else []
    sound = b"".join(line + b"\n" for line in kept)
    if not kept:
        return Repaired(data=b"", lost="an empty metric was dropped")
    metric_points(sound, of=of)
    return Repaired(data=sound, lost="the dataset's name was cut off lines that MLflow cannot read" if cut else "")


Point = tuple[int, int, float]
"""Step, time in milliseconds since the epoch, value: greatest is latest, as MLflow compares them."""


def metric_points(data: bytes, *, of: Kind = Kind.RUN) -> list[Point]:
    """Parse the points of a metric's file: lines of `time value`, `time value step` or those three and a dataset's two.

    A logged model's lines have the run's id after the step.

    Raises:
        ValueError: a line is none of these; the message quotes it.
    """
    points: list[Point] = []
    for line in data.splitlines():
        fields = line.split()
        try:
            if of is Kind.LOGGED_MODEL:
                del fields[3]
            if len(fields) not in (2, 3, 5):
                raise ValueError(len(fields))  # noqa: TRY301 - joins the errors of int() and float()
            points.append((int(fields[2]) if fields[2:] else 0, int(fields[0]), float(fields[1])))
        except (ValueError, IndexError) as error:
            raise ValueError(f"the line {line[:80].decode(errors='replace')!r}") from error
    return points


def _line_order(line: bytes) -> tuple[int, int, bytes]:
    fields = line.split()
    numbers = [int(field) if field.lstrip(b"-").isdigit() else 0 for field in (fields[0], *fields[2:3])]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0, line
