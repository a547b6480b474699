"""YAML and JSON as they are read and written."""

import pytest

from mlpipeline.core.documents import load_yaml


@pytest.mark.parametrize("data", [b"- a\n", b"{", b"", b"\xff\xfe", b"!!python/object/apply:os.system ['true']"])
def test_what_is_no_plain_mapping_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not (valid YAML|a YAML mapping)"):
        load_yaml(data)
