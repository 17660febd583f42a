"""What readers of two versions take a verdict for."""

import msgspec

from shared.schemas.limits import Refusal, Verdict


class Before(msgspec.Struct, frozen=True):
    """A verdict as it was read before there were failed ones."""

    id: str
    refusal: Refusal | None = None
    full: bool = False


def test_a_failed_question_is_no_admission_for_those_who_do_not_know_of_it() -> None:
    """In a rolling restart an old worker sheds the request; a new one says that it failed."""
    sent = msgspec.json.encode(Verdict.of_fault("r"))
    assert msgspec.json.decode(sent, type=Before) == Before("r", full=True)
    assert msgspec.json.decode(sent, type=Verdict).failed
