"""The last question before a provider is called: does anybody still want this answer from here?"""

import time

from shared.bus import subjects
from shared.bus.worker import Worker
from shared.schemas.context import RequestContext
from shared.schemas.frames import Sent

ASK_SECONDS = 2.0


async def may_send(worker: Worker, ctx: RequestContext, sent: Sent) -> bool:
    """Tell the edge that a provider is about to be called, and return whether it may be.

    In time, no answer is needed: the edge repeats a request only once `send_by` has passed with no notice.
    Past it, the edge may have repeated the request already, so it is asked. The time is looked at after the
    notice was written: a process that was frozen in between asks too. So does one whose notice may be lost with
    the broker that took it, while the edge hears everybody else over another one. Raises `Unavailable` while the
    broker is away, or the edge does not answer.
    """
    await worker.announce_sent(ctx.edge, sent)
    if worker.cancelled.covers(ctx.id, ctx.epoch):
        return False
    if time.time() < ctx.send_by and not worker.bus.clustered:
        return True
    return await worker.bus.request(f"{ctx.edge}.{subjects.MAY_SEND}", ctx.token.encode(), ASK_SECONDS) == b"yes"
