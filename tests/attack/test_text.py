"""Nothing that a stranger wrote reaches stdout or stderr raw; `make attack` is the long form."""

from __future__ import annotations

import pytest

from tests.attack import Attack, broken, text
from tests.attack.payloads import PAYLOADS, bad


@pytest.mark.parametrize("attack", text.ATTACKS, ids=lambda attack: attack.__name__)
def test_text_is_inert(attack: Attack) -> None:
    """Whatever the field, the command, the stream and the locale."""
    assert broken(attack) == []


@pytest.mark.parametrize("kind", [kind for kind in PAYLOADS if kind not in ("markup", "format")])
def test_the_judge_sees_each_payload(kind: str) -> None:
    """A check that finds nothing in a raw payload would find nothing anywhere."""
    assert bad(("x" + PAYLOADS[kind]).encode("utf-8", "surrogatepass"))
