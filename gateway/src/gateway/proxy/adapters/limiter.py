"""Rate limits counted in Redis: one script call for all requests that arrive while the last one is under way.

The script decides every request of a batch in order, each on all of its limits or none, by Redis' own clock: the count
is exact across processes. When Redis is away or late, each process counts alone.
"""

import asyncio
import time
from collections.abc import Sequence

from gateway.proxy.adapters import metrics
from gateway.proxy.adapters.store import Script, SharedStore, StoreAwayError
from gateway.proxy.domain.gcra import Limit, LocalCounters, Verdict

_MAX_BATCH = 200
_MAX_CALLS = 2
_STRICT_SHARE = 0.1

# ARGV: per request the number of limits, then per limit its requests and seconds. KEYS: one per limit, in that order.
# Answers per request: allowed, index of the deciding limit, remaining, microseconds until restored or until a retry.
_SCRIPT = Script("""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers, key, argument = {}, 0, 1
while argument <= #ARGV do
  local count = tonumber(ARGV[argument])
  argument = argument + 1
  local allowed, decider, remaining, reset = 1, 1, nil, 0
  local charged = {}
  for i = 1, count do
    local requests, window = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1]) * 1000000
    argument = argument + 2
    if allowed == 1 then
      local step = window / requests
      local due = math.max(tonumber(redis.call('GET', KEYS[key + i]) or 0), now) + step
      local spare = now + window - due
      if spare < -step * 0.01 then
        allowed, decider, remaining, reset = 0, i, 0, -spare
      else
        charged[i] = due
        local left = math.floor(spare / step + 0.000001)
        if remaining == nil or left < remaining then
          decider, remaining, reset = i, left, due - now
        end
      end
    end
  end
  if allowed == 1 then
    for i = 1, count do
      local text = string.format('%.2f', charged[i])
      redis.call('SET', KEYS[key + i], text, 'PX', math.ceil((charged[i] - now) / 1000) + 1000)
    end
  end
  key = key + count
  answers[#answers + 1] = allowed
  answers[#answers + 1] = decider
  answers[#answers + 1] = remaining
  answers[#answers + 1] = math.ceil(reset)
end
return answers
""")

_Waiting = tuple[tuple[Limit, ...], bool, "asyncio.Future[Verdict]"]
_SHARED_ALLOWED = metrics.LIMIT_DECISIONS.labels("allowed", "shared")
_SHARED_REFUSED = metrics.LIMIT_DECISIONS.labels("refused", "shared")
_LOCAL_ALLOWED = metrics.LIMIT_DECISIONS.labels("allowed", "local")
_LOCAL_REFUSED = metrics.LIMIT_DECISIONS.labels("refused", "local")


class RateLimiter:
    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self._local = LocalCounters()
        self._waiting: list[_Waiting] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def check(self, limits: tuple[Limit, ...], *, strict: bool) -> Verdict:
        """`strict`: without the shared counters only a tenth of each limit is given out."""
        if self._store.is_away:
            return self._alone(limits, strict=strict)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Verdict] = loop.create_future()
        self._waiting.append((limits, strict, future))
        if not self._scheduled and len(self._calls) < _MAX_CALLS:
            self._scheduled = True
            loop.call_soon(self._start_call)
        return await future

    def _start_call(self) -> None:
        self._scheduled = False
        batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
        if not batch:
            return
        call = asyncio.create_task(self._decide(batch))
        self._calls.add(call)
        call.add_done_callback(self._end_call)

    def _end_call(self, call: "asyncio.Task[None]") -> None:
        self._calls.discard(call)
        if self._waiting and not self._scheduled:
            self._start_call()

    async def _decide(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._ask(batch)
        except StoreAwayError:
            for limits, strict, future in batch:
                if not future.done():
                    future.set_result(self._alone(limits, strict=strict))
            return
        metrics.LIMIT_BATCHES.inc()
        allowed_count = 0
        for position, (limits, _, future) in enumerate(batch):
            allowed, decider, remaining, reset = answers[position * 4 : position * 4 + 4]
            allowed_count += allowed
            limit = limits[decider - 1]
            if not future.done():
                future.set_result(
                    Verdict(allowed == 1, limit.policy, limit.requests, limit.seconds, remaining, reset / 1e6)
                )
        _SHARED_ALLOWED.inc(allowed_count)
        _SHARED_REFUSED.inc(len(batch) - allowed_count)

    async def _ask(self, batch: Sequence[_Waiting]) -> list[int]:
        keys: list[str] = []
        arguments: list[int] = []
        for limits, _, _ in batch:
            arguments.append(len(limits))
            for limit in limits:
                keys.append(limit.key)
                arguments += (limit.requests, limit.seconds)
        answers: list[int] = await self._store.run(_SCRIPT, keys, arguments)
        return answers

    def _alone(self, limits: tuple[Limit, ...], *, strict: bool) -> Verdict:
        verdict = self._local.check(limits, time.monotonic(), _STRICT_SHARE if strict else 1.0)
        (_LOCAL_ALLOWED if verdict.allowed else _LOCAL_REFUSED).inc()
        return verdict
