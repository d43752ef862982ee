"""The decision itself, as Redis runs it: any number of callers in one call, each on all of its limits or none."""

from gateway.proxy.adapters.store import Script

LEASE_FROM = 256
LEASE_SHARE = 64

# KEYS: one per limit. ARGV per caller: requests that wait, requests wished for in advance, requests given back and
# microseconds since they were granted, number of limits; then per limit its requests, seconds, and 1 for a quota. What
# drained away meanwhile is not given back once more. Time is Redis' own, in microseconds.
# Answers per caller: granted of those that wait, granted in advance, index of the deciding limit, what remains of it,
# microseconds until it is restored, or, when not all that wait were granted, until the next try.
DECIDE = Script(f"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers, key, argument = {{}}, 0, 1
while argument <= #ARGV do
  local wanted, wished = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
  local refund, age = tonumber(ARGV[argument + 2]), tonumber(ARGV[argument + 3])
  local count = tonumber(ARGV[argument + 4])
  argument = argument + 5
  local possible, decider
  local used, step, window, quota = {{}}, {{}}, {{}}, {{}}
  for i = 1, count do
    local requests = tonumber(ARGV[argument])
    window[i], quota[i] = tonumber(ARGV[argument + 1]) * 1000000, ARGV[argument + 2] == '1'
    argument = argument + 3
    local stored = tonumber(redis.call('GET', KEYS[key + i]) or 0)
    local can
    if quota[i] then
      step[i], used[i] = 1, math.max(stored - refund, 0)
      can = requests - used[i]
    else
      step[i] = window[i] / requests
      used[i] = math.max(math.max(stored, now) - math.max(refund * step[i] - age, 0), now)
      can = math.floor((now + window[i] - used[i]) / step[i] + 0.01)
    end
    if possible == nil or can < possible then possible, decider = can, i end
  end
  possible = math.max(possible, 0)
  local granted = math.min(wanted, possible)
  local leased = 0
  if possible >= {LEASE_FROM} then leased = math.min(wished, math.floor((possible - granted) / {LEASE_SHARE})) end
  for i = 1, count do
    used[i] = used[i] + (granted + leased) * step[i]
    if granted + leased + refund > 0 then
      local life = quota[i] and window[i] or used[i] - now
      redis.call('SET', KEYS[key + i], string.format('%.2f', used[i]), 'PX', math.ceil(life / 1000) + 1000)
    end
  end
  local reset = used[decider] - now
  if quota[decider] then
    reset = window[decider] - now % window[decider]
  elseif granted < wanted then
    reset = used[decider] + step[decider] - window[decider] - now
  end
  key = key + count
  answers[#answers + 1] = granted
  answers[#answers + 1] = leased
  answers[#answers + 1] = decider
  answers[#answers + 1] = possible - granted
  answers[#answers + 1] = math.max(math.ceil(reset), 0)
end
return answers
""")
