"""GitHub's formats."""

from pathlib import Path

from mlpipeline.reports import github


def test_outputs_survive_line_breaks_and_imitated_delimiters(tmp_path: Path) -> None:
    file = tmp_path / "output"

    github.write_outputs(file, {"reason": "a\nend-0\nevil=1", "pushed": True, "value": 1.5, "run_id": None})

    lines = file.read_text(encoding="utf-8").splitlines()
    parsed = {}
    while lines:
        name, delimiter = lines.pop(0).split("<<")
        end = lines.index(delimiter)
        parsed[name] = "\n".join(lines[:end])
        del lines[: end + 1]
    assert parsed == {"reason": "a\nend-0\nevil=1", "pushed": "true", "value": "1.5", "run-id": ""}


def test_an_output_is_the_very_text_but_for_nul(tmp_path: Path) -> None:
    file = tmp_path / "output"

    github.write_outputs(file, {"reason": "a\0b\x1b\u202e\r"})

    assert file.read_bytes().split(b"\n")[1].decode() == "a\\x00b\x1b\u202e\r"


def test_nothing_in_a_summary_is_obeyed_where_it_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "summary"

    github.write_summary(file, "```\n::error::x\x1b[2J\n```")

    assert file.read_text(encoding="utf-8") == "```\n\\x3a:error::x\\x1b[2J\n```\n\n"


def test_a_summary_stays_below_githubs_limit(tmp_path: Path) -> None:
    file = tmp_path / "summary"

    github.write_summary(file, "first")
    github.write_summary(file, "line\n" * 300_000)

    text = file.read_text(encoding="utf-8")
    assert file.stat().st_size <= github.SUMMARY_LIMIT
    assert text.startswith("first\n\nline\n")
    assert text.rstrip().endswith("*Cut: the summary of a step holds 1 MiB.*")


def test_an_annotation_is_one_line() -> None:
    line = github.annotation("error", "a: b, c", "100%\nof it ::error::")

    assert line == "::error title=a%3A b%2C c::100%25%0Aof it ::error::"
