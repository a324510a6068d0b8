"""What Redis does in one step, in its Lua.

Keys of the bus (all with the prefix `hearthline:bus:`):

    meta          hash: `latest` (the newest id), `horizon` (nothing up to this id can be replayed), `server` (run id)
    events        stream: entry `<id>-0` with n name, p payload, t seconds since the epoch, a audiences one a line
    heard:<who>   sorted set: the ids of an audience's events that are still in the stream

Ids grow by one from event to event. An *era* begins where something may have been lost: at the first event ever, when
Redis was started again (it may have lost its last second, or everything), when a process could not publish. It begins
with an entry of its own, `LOST`, whose id is the moment in microseconds or the next one, whichever is greater: no id is
ever given twice, also when Redis came back empty. Ids stay below 2^53, where a browser's numbers are exact, until 2255.
"""

from __future__ import annotations

PREFIX = "hearthline:bus:"
META, EVENTS, HEARD = f"{PREFIX}meta", f"{PREFIX}events", f"{PREFIX}heard:"
LOST = "bus.lost"  # the name of the entry with which an era begins; readers turn it into `LaggedError`

# Numbers of Redis's Lua are doubles, exact up to 2^53, but printed with 14 digits unless told otherwise.
_ERA = """
local meta, events, heard = KEYS[1], KEYS[2], KEYS[3]
local function begin_era()
  local now = redis.call('TIME')
  local id = now[1] * 1000000 + now[2]
  local latest = tonumber(redis.call('HGET', meta, 'latest') or '0')
  if latest >= id then id = latest + 1 end
  local text = string.format('%.0f', id)
  redis.call('XADD', events, text .. '-0', 'n', 'bus.lost', 'p', '{}', 't', '0', 'a', '')
  redis.call('HSET', meta, 'latest', text, 'horizon', text)
end
"""

# ARGV: run id of the server. Returns {latest, horizon}.
ON_CONNECTION = (
    _ERA
    + """
if redis.call('HGET', meta, 'server') ~= ARGV[1] or redis.call('HEXISTS', meta, 'latest') == 0 then
  begin_era()
  redis.call('HSET', meta, 'server', ARGV[1])
end
return redis.call('HMGET', meta, 'latest', 'horizon')
"""
)

BEGIN_ERA = _ERA + "begin_era()"

# ARGV: how many events are kept, name, payload, seconds since the epoch, audiences (one a line). Returns the id.
APPEND = (
    _ERA
    + """
if redis.call('HEXISTS', meta, 'latest') == 0 then begin_era() end
local id = string.format('%.0f', redis.call('HINCRBY', meta, 'latest', 1))
redis.call('XADD', events, id .. '-0', 'n', ARGV[2], 'p', ARGV[3], 't', ARGV[4], 'a', ARGV[5])
for who in string.gmatch(ARGV[5], '[^\\n]+') do redis.call('ZADD', heard .. who, id, id) end
local length = redis.call('XLEN', events)
local too_many = math.min(length - tonumber(ARGV[1]), 100)
if too_many > 0 then
  for _, entry in ipairs(redis.call('XRANGE', events, '-', '+', 'COUNT', too_many)) do
    local old = string.match(entry[1], '^%d+')
    for who in string.gmatch(entry[2][8], '[^\\n]+') do redis.call('ZREMRANGEBYSCORE', heard .. who, '-inf', old) end
  end
  redis.call('XTRIM', events, 'MAXLEN', length - too_many)
end
return id
"""
)

# Returns {latest, horizon, id of the oldest kept entry or nothing}.
EXTENT = """
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local found = redis.call('HMGET', KEYS[1], 'latest', 'horizon')
return {found[1] or '0', found[2] or '0', oldest and string.match(oldest[1], '^%d+') or ''}
"""

# Queues: `queue:<name>` holds the token of who serves it, for as long as its lease; `queue:<name>:<token>` what waits.

# KEYS: the queue. ARGV: how many may wait, milliseconds until it is no longer wanted, id of the request, message.
ENQUEUE = """
local token = redis.call('GET', KEYS[1])
if not token then return 'nobody' end
local waiting = KEYS[1] .. ':' .. token
if redis.call('LLEN', waiting) >= tonumber(ARGV[1]) then return 'busy' end
local now = redis.call('TIME')
local until_ms = math.floor(now[1] * 1000 + now[2] / 1000) + tonumber(ARGV[2])
redis.call('RPUSH', waiting, string.format('%.0f', until_ms) .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
redis.call('PEXPIRE', waiting, tonumber(ARGV[2]) + 60000)
return 'queued'
"""

# KEYS: the queue. ARGV: our token, milliseconds of the lease, what the tokens of our predecessors on this host begin with.
# Requests that a predecessor on this host left on its list were taken by nobody: the successor gets them.
# Returns {1 when it is ours, milliseconds since the epoch by Redis's clock}.
LEASE = """
local holder = redis.call('GET', KEYS[1])
local ours = not holder or holder == ARGV[1] or string.sub(holder, 1, #ARGV[3]) == ARGV[3]
if ours then
  if holder and holder ~= ARGV[1] and redis.call('EXISTS', KEYS[1] .. ':' .. holder) == 1 then
    redis.call('RENAME', KEYS[1] .. ':' .. holder, KEYS[1] .. ':' .. ARGV[1])
  end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
local now = redis.call('TIME')
return {ours and 1 or 0, string.format('%.0f', math.floor(now[1] * 1000 + now[2] / 1000))}
"""

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[1] .. ':' .. ARGV[1]) end"
