"""What a request about an attempt does: judged by its life, carried out on the board. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.assignment import AssignmentStatus, Diverted, RequestAction
from schemas.base import RoleName
from schemas.score import LeadScored
from services.routing import reason, recording, relief
from services.routing.board import Board
from services.routing.claiming import claimed
from services.routing.decide import replaced
from services.routing.happening import handed_back, handed_over
from services.routing.life import Done, Refusal, Refused, Step, Verdict, judge
from services.routing.model import Attempt, Change, ClosedBy
from services.routing.subject import Wish


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for what, and why."""

    action: RequestAction
    rep_id: str | None
    reason: str = ""
    expected: AssignmentStatus | None = None
    to: str | None = None
    """For a reassignment: the person who is to have it."""
    correction: bool = False
    """The router erred: the wrong rep's turn is given back, the right one's is charged."""
    hand_back: bool = False
    """For a rejection by a later role: the lead goes back to who handed it over."""
    claim: bool = False
    """For ``accept``: the rep takes it from the list of a pull pool."""
    divert: str | None = None
    """For ``reject`` and ``release``: it is no lead, but of this kind."""

    @property
    def verb(self) -> str:
        """What is asked for, as a decision record names it."""
        return "divert" if self.divert is not None else self.action.value

    to_pool: str | None = None
    """The pool that it belongs to from then on; None: it stays in its own."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it."""

    verdict: Verdict
    changes: tuple[Change, ...] = ()


def answer(board: Board, attempt: Attempt, event: LeadScored, request: Request) -> Answered:
    """Apply a request by compare-and-set; a refused one changes nothing.

    :param attempt: the one that the request names, the lead's last or an older one.
    :param event: the newest score of the lead.
    """
    verdict = judge(
        attempt,
        request.action,
        request.rep_id,
        request.expected,
        claim=request.claim,
        divert=request.divert is not None,
    )
    if not isinstance(verdict, Step):
        return Answered(verdict)
    if request.claim:
        came = claimed(board, attempt, event, request.rep_id or "", request.reason)
        return Answered(came) if isinstance(came, Refused) else Answered(verdict, came)
    return _moved_on(board, attempt, event, request, verdict)


def _moved_on(
    board: Board, attempt: Attempt, event: LeadScored, request: Request, verdict: Step
) -> Answered:
    """The attempt takes a step, and the next one follows where somebody else is to have it."""
    if request.to is not None and (other := _no_receiver(board, attempt, request.to)) is not None:
        return Answered(other)
    lead = board.lead_of(attempt)
    limited = not request.correction and request.divert is None
    returns = (verdict.returns_turn or request.correction) and _give_back(board, attempt, limited)
    relief.relieve(board, attempt, returned=returns)
    moved = replace(
        attempt,
        status=verdict.to,
        closed_by=_closed_by(verdict, request),
        diverted=_diverted(board, request),
        changed_at=board.now,
        held_until=None,
        offered_until=None,
        reason=_why(board, attempt, request),
        turn=replace(attempt.turn, returned=returns) if attempt.turn is not None else None,
    )
    over = board.move(
        lead,
        moved,
        origin=attempt.origin,
        scored=event,
        reason=moved.reason,
        record=_record(request, moved),
    )
    if not verdict.replaced or hands_back(attempt, request):
        return Answered(verdict, (over,))
    wish = Wish(
        request.to,
        request.correction,
        escalate=request.action is RequestAction.ESCALATE,
        anew=request.action is RequestAction.REASSIGN,
        pool=request.to_pool,
    )
    following = replaced(board, board.lead_of(moved), moved, event, wish)
    return Answered(verdict, (over, following))


def _closed_by(verdict: Step, request: Request) -> ClosedBy | None:
    if verdict.to is not AssignmentStatus.CLOSED:
        return None
    return ClosedBy.RELEASED if request.divert is None else ClosedBy.DIVERTED


def _diverted(board: Board, request: Request) -> Diverted | None:
    """As the configuration says where such things go."""
    kind = request.divert
    return Diverted(kind=kind, to=board.plan.diversions.get(kind)) if kind is not None else None


def hands_back(attempt: Attempt, request: Request) -> bool:
    """Whether a later role gives a lead back to the role before."""
    return (
        request.hand_back
        and request.action is RequestAction.REJECT
        and attempt.role is not RoleName.SDR
    )


def before(board: Board, found: Attempt, request: Request) -> list[Change]:
    """What a request about a later role's attempt does to the role before, whose board it is."""
    name = reason.name(board.plan, found.rep_id)
    if hands_back(found, request):
        return handed_back(board, found, name, said(request))
    if request.action is RequestAction.ACCEPT:
        return handed_over(board, found.lead_id, name)
    return []


def said(request: Request) -> str:
    """The asker's reason, as an event's sentence quotes it."""
    return f" ({request.reason.strip()[:200]})" if request.reason.strip() else ""


def _no_receiver(board: Board, attempt: Attempt, to: str) -> Refused | Done | None:
    """Why a named person cannot have the lead; hours and caps are the asker's business."""
    if to == attempt.rep_id:
        return Done()
    return None if board.is_here(to) else Refused(Refusal.NO_RECEIVER)


def _give_back(board: Board, attempt: Attempt, limited: bool) -> bool:
    """Undo the turn that the attempt cost.

    :param limited: only as often a day as the configuration allows.
    """
    turn, rep = attempt.turn, attempt.rep_id
    if turn is None or rep is None or turn.returned:
        return False
    returned = board.loaded.returned.get(rep, 0)
    if limited and returned >= board.plan.turns_returned_per_day:
        return False
    board.loaded.returned[rep] = returned + 1  # for whoever follows in this transaction
    return relief.give_back(board, attempt)


def _why(board: Board, attempt: Attempt, request: Request) -> str:
    name = reason.name(board.plan, attempt.rep_id)
    why = said(request)
    if request.divert is not None:
        return f"No lead but {request.divert}{why}."
    match request.action:
        case RequestAction.ACCEPT:
            return f"{name} accepted."
        case RequestAction.REJECT:
            return f"{name} gave it back{why}."
        case RequestAction.REASSIGN:
            return f"Taken from {name}{why}."
        case RequestAction.ESCALATE:
            return f"Escalated from {name}{why}." if attempt.rep_id else f"Escalated{why}."
        case RequestAction.RELEASE:
            return f"Released{why}; the next submission starts anew."


def _record(request: Request, moved: Attempt) -> dict[str, object]:
    record: dict[str, object] = {
        "request": {
            "action": request.verb,
            "by": request.rep_id,
            "reason": request.reason.strip()[:500],
            "to": request.to,
            "to_pool": request.to_pool,
            "correction": request.correction,
            "hand_back": request.hand_back,
        }
    }
    if moved.diverted is not None:
        record["divert"] = moved.diverted.model_dump()
    return record | recording.returned(moved)
