"""One attempt: ask one deployment, read its answer by the clocks, hand it on, and keep the books."""

import asyncio
import time
from dataclasses import dataclass, field, replace

import aiohttp

from services.router.accounting import Account, OpenAttempt, partial_usage, told_cost
from services.router.capacity import Capacity
from services.router.clocks import Clocks
from services.router.connections import Answer, Departure
from services.router.target import Target
from services.router.translate import Ask, StreamReader, Translator, translator
from services.router.translate.errors import retry_after_in
from services.router.upstream import Upstream, read_error, read_whole
from shared.bus.group_commit import EventWriter
from shared.bus.permission import may_send
from shared.bus.stage import Call
from shared.bus.worker import Worker
from shared.errors import BrokenStream, DeadlinePassed, Dialect, ProviderError, ProviderTimeout, TollwayError
from shared.offload import INLINE_LIMIT, Offload
from shared.pricing.estimate import estimate_input, estimate_output, estimate_request, estimated_usage
from shared.pricing.usage import Usage
from shared.schemas.events import Outcome, encode_completion
from shared.schemas.frames import Opening

JSON = Opening(200, (("content-type", "application/json"),))
EVENTS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))

LINGER_SECONDS = 1.0
"""How long the end of a finished stream's connection is waited for, so that the connection can be used again."""


READ_BYTES = 64 * 1024
"""Bytes of a stream that are taken at a time: a client that reads slowly keeps a few times as many waiting."""


class Superseded(Exception):
    """Nobody wants this answer from here any more: the client left, or the edge gave the request to another."""


@dataclass(slots=True)
class _Progress:
    """How far an attempt has come; what it used follows from it, however it ends."""

    ask: Ask
    departure: Departure = field(default_factory=Departure)
    inputs: int | None = None
    """Our own count of a large body's tokens; a small one is counted when that is needed."""
    answered: bool = False
    reader: StreamReader | None = None
    usage: Usage | None = None


class Attempts:
    """Runs attempts."""

    def __init__(
        self, worker: Worker, upstream: Upstream, writer: EventWriter, capacity: Capacity, offload: Offload
    ) -> None:
        self._worker = worker
        self._upstream = upstream
        self._writer = writer
        self._capacity = capacity
        self._offload = offload
        self._lingering: set[asyncio.Task[None]] = set()

    async def run(self, call: Call, account: Account, target: Target, body: bytes) -> None:
        """Answer the call by this deployment.

        Raises `ProviderError` when it failed (`call.lane.started` tells whether something of it went out),
        `NoRoom` when it is at a limit of its own, `LimiterAway` when nobody can tell, and `Superseded` when the request
        is no longer this worker's.
        """
        translate = translator(call.ctx.dialect, target.provider.dialect)
        progress = await self._begun(call, translate, body, target)
        account.own = progress.ask.own
        quotas = self._capacity.quotas(target, call.ctx.model)
        if not quotas:
            await self._call(call, account, account.begin(target), translate, progress, body)
            return
        # A deployment that is asked for and has no room is no attempt, so the attempt's id would not be its own.
        id = f"{account.next_id}@{target.id}"
        tokens = await self._tokens(progress.ask, target) if any(quota.tpm is not None for quota in quotas) else 0
        await self._capacity.take(id, quotas, tokens, call.ctx.deadline)
        before = account.attempts
        try:
            await self._call(call, account, account.begin(target), translate, progress, body)
        finally:
            self._capacity.give_back(id, account.last_tokens if account.attempts > before else None)

    def limited(self, call: Call, target: Target) -> bool:
        """Tell whether the limiter must be asked before the call is answered by this deployment."""
        return bool(self._capacity.quotas(target, call.ctx.model))

    async def _tokens(self, ask: Ask, target: Target) -> int:
        dialect, model = target.provider.dialect, target.deployment.model
        return await self._offload.run(estimate_request, ask.body, dialect, model)

    async def _call(
        self,
        call: Call,
        account: Account,
        attempt: OpenAttempt,
        translate: Translator,
        progress: _Progress,
        body: bytes,
    ) -> None:
        target = attempt.target
        # A later attempt is told and asked about, too: should this worker die, it is that one which may have cost.
        if not await may_send(self._worker, call.ctx, account.notice(attempt, progress.ask)):
            raise Superseded
        whole = b""
        try:
            if progress.ask.stream:
                call.lane.open(Opening(200, EVENTS, target.id, account.attempt))
                await self._stream(call, attempt, translate, progress)
            else:
                whole = await self._whole(call, attempt, translate, progress)
        except asyncio.CancelledError:
            account.close(attempt, "cancelled", 499, _used(progress, call, target, body, awaited=True))
            raise
        except TollwayError as error:
            outcome: Outcome = "interrupted" if call.lane.started else "failure"
            # A provider that is silent goes on with what it was sent; one that says why, or hangs up, does not.
            awaited = isinstance(error, ProviderTimeout | DeadlinePassed)
            account.close(
                attempt, outcome, error.to_body().status, _used(progress, call, target, body, awaited=awaited)
            )
            raise
        account.close(attempt, "success", 200, progress.usage or _used(progress, call, target, body))
        completion = account.completion("success", 200)
        await self._writer.store(encode_completion(completion))
        ending = account.ending(completion)
        await call.lane.end(ending, whole if progress.reader is None else progress.reader.last(told_cost(ending)))

    async def _begun(self, call: Call, translate: Translator, body: bytes, target: Target) -> _Progress:
        model, stream = target.deployment.model, call.ctx.stream
        if len(body) <= INLINE_LIMIT:
            return _Progress(translate.ask(body, model, stream=stream))
        ask, inputs = await self._offload.run(_ask_and_count, body, translate, model, call.ctx.dialect, stream=stream)
        return _Progress(ask, inputs=inputs)

    async def _whole(self, call: Call, attempt: OpenAttempt, translate: Translator, progress: _Progress) -> bytes:
        async with Clocks(self._worker.alarms, attempt.target.deployment.timeouts, call.remaining) as clocks:
            clocks.start("first_byte")
            response = await self._post(call, attempt.target, translate, progress)
            try:
                clocks.pause()
                progress.answered = True
                body = await read_whole(response)
            finally:
                response.release() if response.content.at_eof() else response.close()
        target, group = attempt.target, call.ctx.model
        model, dialect = target.deployment.model, target.provider.dialect
        if progress.inputs is not None:
            # The memory of a large request is given back before that of a large answer is: both together take
            # milliseconds. The helper process has no use for it, either.
            progress.ask = replace(progress.ask, body=b"")
        answer, usage, written = await self._offload.run(_whole_of, body, translate, progress.ask, group, model)
        if usage is None:
            inputs = progress.inputs
            usage = estimated_usage(
                estimate_input(progress.ask.body, dialect, model) if inputs is None else inputs, written
            )
        progress.usage = usage
        call.lane.open(JSON)
        return answer

    async def _stream(self, call: Call, attempt: OpenAttempt, translate: Translator, progress: _Progress) -> None:
        reader = progress.reader = translate.reader(progress.ask, call.ctx.model, int(time.time()))
        async with Clocks(self._worker.alarms, attempt.target.deployment.timeouts, call.remaining) as clocks:
            clocks.start("first_byte")
            response = await self._post(call, attempt.target, translate, progress)
            try:
                clocks.start("first_token")
                await self._relay(call, response, reader, clocks, progress)
                reader.finish()
            except BaseException:
                response.close()
                raise
        self._let_go(response)
        progress.usage = reader.usage

    async def _relay(
        self,
        call: Call,
        response: Answer,
        reader: StreamReader,
        clocks: Clocks,
        progress: _Progress,
    ) -> None:
        """Hand on what comes; what comes before the first token waits for it, so that a retry is still possible."""
        waiting = b""
        content = response.content
        try:
            while data := await content.read(READ_BYTES):
                progress.answered = True
                out = reader.feed(data)
                if not call.lane.started:
                    waiting += out
                    if not (reader.began or reader.complete):
                        continue
                    out, waiting = waiting, b""
                if out:
                    clocks.pause()
                    await call.lane.send(out)
                if reader.complete:
                    return
                clocks.start("between_tokens")
        except (aiohttp.ClientError, OSError, EOFError):
            raise BrokenStream("the provider's stream broke off before its end") from None

    def _let_go(self, response: Answer) -> None:
        """Give the connection of a finished stream back to its pool, once the end of its message was read."""
        if response.content.at_eof():
            response.release()
            return
        task = asyncio.ensure_future(_to_the_end(response))
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)

    async def _post(self, call: Call, target: Target, translate: Translator, progress: _Progress) -> Answer:
        wanted = target.provider.forwarded
        forwarded = {name: value for name, value in call.ctx.headers if name in wanted}
        response = await self._upstream.post(target, progress.ask, forwarded, progress.departure)
        if response.status == 200:
            progress.departure.complete = True
            return response
        try:
            if response.status < 400:
                raise ProviderError(f"the provider answered with status {response.status}, which is no answer")
            raise translate.error(response.status, await read_error(response), retry_after_in(response.headers))
        finally:
            response.close()


async def _to_the_end(response: Answer) -> None:
    """Read what follows the end mark, which is nothing but the connection's end of message."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError, OSError):
        response.close()
    else:
        response.release()


def _ask_and_count(
    body: bytes, translate: Translator, model: str, dialect: Dialect, *, stream: bool
) -> tuple[Ask, int]:
    """Return what to send, and the tokens of the client's body, which nobody else will read again."""
    return translate.ask(body, model, stream=stream), estimate_input(body, dialect, model)


def _whole_of(body: bytes, translate: Translator, ask: Ask, group: str, model: str) -> tuple[bytes, Usage | None, int]:
    """Return the client's answer, its usage, and where there is none our count of the tokens that were written."""
    whole = translate.whole(ask, body, group, int(time.time()))
    return whole.body, whole.usage, estimate_output(whole.text, model) if whole.usage is None else 0


def _used(progress: _Progress, call: Call, target: Target, body: bytes, *, awaited: bool = False) -> Usage | None:
    """Return what an attempt that did not come to a proper end used, as far as can be known.

    A request that was sent as a whole and whose answer was still `awaited` has its input counted: providers bill it.
    """
    if not progress.answered and not (awaited and progress.departure.complete):
        return None
    model = target.deployment.model
    reader = progress.reader
    inputs = estimate_input(body, call.ctx.dialect, model) if progress.inputs is None else progress.inputs
    if reader is None:
        return estimated_usage(inputs, 0)
    if reader.usage is not None and reader.complete:
        return reader.usage
    return partial_usage(reader.usage, reader.text, reader.written, inputs, model)
