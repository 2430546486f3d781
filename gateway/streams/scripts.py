"""Every step on the streams that must happen as a whole, as Lua that Redis runs. They know keys and numbers,
no exchange.

An entry has the fields ``o`` (origin: whose books), ``f`` (feature; empty for a word about a session) and
``d`` (the frame). An origin's hash has ``t:FEATURE`` (taken), ``v:FEATURE\\tVERDICT`` (settled), ``conn``
(the connection that may add), ``seq`` and ``refused`` (the last batch). All of them are fenced: by the
origin's connection when something is added, by the shard's token when something is read or settled.
"""

from __future__ import annotations

from typing import Final

OVERHEAD: Final = 256
"""What an entry is taken to weigh beside its frame, in bytes."""

_LEAST: Final = """
local least = ''
if redis.call('EXISTS', KEYS[5]) == 1 then
  least = '?'
else
  for _, mark in ipairs(redis.call('HVALS', KEYS[3])) do
    if least == '' or tonumber(mark) < tonumber(least) then least = mark end
  end
end
"""
"""The least mark of all who were heard of lately: until then everything has been added. '' when there is
nobody, '?' when somebody may be missing. KEYS[3]: marks, KEYS[5]: whether somebody has just come (back)."""

_LOSE: Final = """
local function lose(meta)
  local time = redis.call('TIME')
  redis.call('HSET', meta, 'loss', string.format('%d.%06d', time[1], time[2]))
end
"""
"""Something is lost that may have changed a session, and nobody knows which. The moment is the name of the
loss: by it, whoever follows sessions knows that something is missing, and which sessions may lack it."""

LOSE: Final = f"""
-- KEYS meta
{_LOSE}
lose(KEYS[1])
return 1
"""

OPEN: Final = f"""
-- KEYS origin, meta, shards, unsure; ARGV connection, ttl in ms, resume ('1') or begin ('0'), whether words
-- were lost ('1'), how many shards → 1 and its books, 0 it is lost, 2 others carry it on, 3 and how many
-- shards there are
{_LOSE}
local agreed = redis.call('GET', KEYS[3])
if agreed and agreed ~= ARGV[5] then return {{3, agreed}} end
redis.call('SET', KEYS[3], ARGV[5], 'PX', 60000)
redis.call('SET', KEYS[4], 1, 'PX', 1500)
if ARGV[4] == '1' then lose(KEYS[2]) end
if ARGV[3] == '1' then
  if redis.call('HEXISTS', KEYS[1], 'conn') == 0 then return {{0}} end
  if redis.call('HEXISTS', KEYS[1], 'closed') == 1 then return {{2}} end
end
redis.call('HSET', KEYS[1], 'conn', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {{1, redis.call('HGETALL', KEYS[1])}}
"""

POLL: Final = """
-- KEYS origin, levels, shards, marks, their times; ARGV connection, ttl in ms, how many shards, origin, mark
-- or '' when it leaves → its books and all levels, or nothing when it is not ours
if redis.call('HGET', KEYS[1], 'conn') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'closed') == 1 then
  return {0}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3], 'PX', 60000)
if ARGV[5] == '' then
  redis.call('HDEL', KEYS[4], ARGV[4])
  redis.call('ZREM', KEYS[5], ARGV[4])
else
  redis.call('HSET', KEYS[4], ARGV[4], ARGV[5])
  redis.call('ZADD', KEYS[5], redis.call('TIME')[1], ARGV[4])
end
return {1, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
"""

CLOSE: Final = """
-- KEYS origin, marks, their times; ARGV origin: nobody adds for it any more; what it says
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'closed', 1) end
return redis.call('HGETALL', KEYS[1])
"""

ADD: Final = f"""
-- KEYS origin, meta, marks, their times, unsure; ARGV connection, seq, origin, most bytes, ttl of streams,
-- base, mark, whether words were lost on their way here ('1'), then shard, feature, frame …
{_LOSE}
if redis.call('HGET', KEYS[1], 'conn') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'closed') == 1 then
  return {{0}}
end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[7])
redis.call('ZADD', KEYS[4], redis.call('TIME')[1], ARGV[3])
{_LEAST}
local used = tonumber(redis.call('HGET', KEYS[2], 'bytes') or '0')
local most = tonumber(ARGV[4])
local refused, answer, lost = '', {{1}}, ARGV[8] == '1'
for at = 9, #ARGV, 3 do
  local shard, feature, frame = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local size = #frame + {OVERHEAD}
  local limit = most
  if feature == '' then limit = 2 * most end
  if used + size > limit then
    local number = (at - 9) / 3
    lost = lost or feature == ''
    refused = refused .. number .. ' '
    answer[#answer + 1] = number
  else
    redis.call('XADD', ARGV[6] .. 'stream:' .. shard, '*', 'o', ARGV[3], 'f', feature, 'd', frame, 'm',
      least)
    redis.call('PEXPIRE', ARGV[6] .. 'stream:' .. shard, ARGV[5])
    redis.call('HINCRBY', KEYS[2], 'bytes:' .. shard, size)
    used = used + size
    if feature ~= '' then redis.call('HINCRBY', KEYS[1], 't:' .. feature, 1) end
  end
end
redis.call('HSET', KEYS[2], 'bytes', string.format('%d', used))
if #answer > 1 then redis.call('HINCRBY', KEYS[2], 'refused', #answer - 1) end
if lost then lose(KEYS[2]) end
redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'refused', refused)
return answer
"""

ACQUIRE: Final = """
-- KEYS lease, fences, stream, meta, levels, outs, untouched; ARGV shard, process, ttl in ms, group
-- → its token ('' when somebody has it), its level and outs, and entries that were read and given back
if redis.call('EXISTS', KEYS[1]) == 1 then return {'', '', '', {}} end
local token = ARGV[2] .. ':' .. redis.call('HINCRBY', KEYS[4], 'epoch', 1)
redis.call('HSET', KEYS[2], ARGV[1], token)
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.pcall('XGROUP', 'CREATE', KEYS[3], ARGV[4], '0', 'MKSTREAM')
for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[3], ARGV[4])) do
  if one[4] == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[3], ARGV[4], one[2]) end
end
if redis.call('XLEN', KEYS[3]) == 0 then
  local left = tonumber(redis.call('HGET', KEYS[4], 'bytes:' .. ARGV[1]) or '0')
  if left ~= 0 then
    redis.call('HINCRBY', KEYS[4], 'bytes', -left)
    redis.call('HDEL', KEYS[4], 'bytes:' .. ARGV[1])
  end
end
local untouched = redis.call('SMEMBERS', KEYS[7])
redis.call('DEL', KEYS[7])
local level, outs = redis.call('HGET', KEYS[5], ARGV[1]), redis.call('HGET', KEYS[6], ARGV[1])
return {token, level or '', outs or '', untouched}
"""

RENEW: Final = """
-- KEYS fences, levels, outs; ARGV process, ttl in ms, base, then shard, token, level, outs …
-- → for each: how many entries there are, or -1 when somebody else has taken the shard over
local answer = {}
for at = 4, #ARGV, 4 do
  local shard = ARGV[at]
  if redis.call('HGET', KEYS[1], shard) ~= ARGV[at + 1] then
    answer[#answer + 1] = -1
  else
    redis.call('SET', ARGV[3] .. 'lease:' .. shard, ARGV[1], 'PX', ARGV[2])
    if ARGV[at + 2] ~= '' then
      redis.call('HSET', KEYS[2], shard, ARGV[at + 2])
      redis.call('HSET', KEYS[3], shard, ARGV[at + 3])
    end
    answer[#answer + 1] = redis.call('XLEN', ARGV[3] .. 'stream:' .. shard)
  end
end
return answer
"""

RELEASE: Final = """
-- KEYS lease, fences, untouched; ARGV shard, token, then entries that were read and never worked on …
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
for at = 3, #ARGV do redis.call('SADD', KEYS[3], ARGV[at]) end
redis.call('DEL', KEYS[1])
return 1
"""

PRESENT: Final = """
-- KEYS processes, said, shards; ARGV process, ms until it is forgotten, what it says or '' when it leaves,
-- how many shards → how many there are, and all processes
local agreed = redis.call('GET', KEYS[3])
if agreed and agreed ~= ARGV[4] then return {agreed} end
redis.call('SET', KEYS[3], ARGV[4], 'PX', 60000)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
local answer = redis.call('ZRANGE', KEYS[1], 0, -1)
table.insert(answer, 1, ARGV[4])
return answer
"""

READ: Final = f"""
-- KEYS fences, meta, marks, their times, unsure; ARGV process, group, how many of each, base,
-- then shard, token, new ('>') or old ('0') …
-- → the name of the last loss, how many were refused, the least mark, then for each shard its entries,
-- or 0 when it is not ours any more
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', redis.call('TIME')[1] - 4)) do
  redis.call('ZREM', KEYS[4], gone)
  redis.call('HDEL', KEYS[3], gone)
end
{_LEAST}
local answer = {{redis.call('HGET', KEYS[2], 'loss') or '', redis.call('HGET', KEYS[2], 'refused') or '0',
least}} for at = 5, #ARGV, 3 do
  local shard, found = ARGV[at], {{}}
  local stream = ARGV[4] .. 'stream:' .. shard
  if redis.call('HGET', KEYS[1], shard) ~= ARGV[at + 1] then
    answer[#answer + 1] = 0
  else
    if ARGV[at + 2] == '>' then
      local read = redis.pcall('XREADGROUP', 'GROUP', ARGV[2], ARGV[1], 'COUNT', ARGV[3],
        'STREAMS', stream, '>')
      if type(read) == 'table' and read.err then
        redis.pcall('XGROUP', 'CREATE', stream, ARGV[2], '0', 'MKSTREAM')
      elseif read then
        found = read[1][2]
      end
    else
      local claimed = redis.call('XAUTOCLAIM', stream, ARGV[2], ARGV[1], 0, ARGV[at + 2],
        'COUNT', ARGV[3])
      found = {{claimed[1], claimed[2]}}
    end
    answer[#answer + 1] = found
  end
end
return answer
"""

BEGIN: Final = """
-- KEYS fences, begun; ARGV shard, token, entry → 1 it may be sent, 0 it may have been sent, -1 not ours
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return -1 end
return redis.call('HSETNX', KEYS[2], ARGV[3], 1)
"""

SETTLE: Final = f"""
-- KEYS fences, stream, begun, meta; ARGV shard, token, group, base, ttl of books, ttl of mirrors, how many,
-- whether one of them could not be read ('1'), then entry, origin, feature, verdict, bytes …,
-- then mirror, state …
-- → how many were settled by this very call, or -1 when the shard is not ours any more
{_LOSE}
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return -1 end
local settled, freed, at = 0, 0, 9
if ARGV[8] == '1' then lose(KEYS[4]) end
for _ = 1, tonumber(ARGV[7]) do
  local entry, origin, feature = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('XDEL', KEYS[2], entry) == 1 then
    redis.call('XACK', KEYS[2], ARGV[3], entry)
    freed = freed + ARGV[at + 4] + {OVERHEAD}
    if feature ~= '' then
      local books = ARGV[4] .. 'origin:' .. origin
      redis.call('HINCRBY', books, 'v:' .. feature .. '\\t' .. ARGV[at + 3], 1)
      redis.call('PEXPIRE', books, ARGV[5])
      settled = settled + 1
    end
  end
  redis.call('HDEL', KEYS[3], entry)
  at = at + 5
end
if freed > 0 then
  redis.call('HINCRBY', KEYS[4], 'bytes', -freed)
  redis.call('HINCRBY', KEYS[4], 'bytes:' .. ARGV[1], -freed)
end
while at < #ARGV do
  redis.call('SET', ARGV[at], ARGV[at + 1], 'PX', ARGV[6])
  at = at + 2
end
return settled
"""

SWEEP: Final = f"""
-- KEYS stream, begun, meta; ARGV shard, group, base, ttl of books, before (ms), how many
-- What nobody has worked on for too long is dropped, and counted so. What it was nobody can tell from here:
-- a write, or a word about one, perhaps.
{_LOSE}
local old = redis.call('XRANGE', KEYS[1], '-', ARGV[5], 'COUNT', ARGV[6])
local freed = 0
for _, entry in ipairs(old) do
  local fields = entry[2]
  redis.call('XDEL', KEYS[1], entry[1])
  redis.pcall('XACK', KEYS[1], ARGV[2], entry[1])
  redis.call('HDEL', KEYS[2], entry[1])
  freed = freed + #fields[6] + {OVERHEAD}
  if fields[4] ~= '' then
    local books = ARGV[3] .. 'origin:' .. fields[2]
    redis.call('HINCRBY', books, 'v:' .. fields[4] .. '\\tdropped', 1)
    redis.call('PEXPIRE', books, ARGV[4])
  end
end
if freed > 0 then
  redis.call('HINCRBY', KEYS[3], 'bytes', -freed)
  redis.call('HINCRBY', KEYS[3], 'bytes:' .. ARGV[1], -freed)
end
if #old > 0 then lose(KEYS[3]) end
return #old
"""

PUBLISH: Final = """
-- KEYS gateways, their times; ARGV gateway, its books, ms until an ended one is forgotten
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('HDEL', KEYS[1], gone)
end
return 1
"""

CARRY: Final = """
-- KEYS gateways; ARGV gateway, its books as they were read, as they are carried on
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""

VIEW: Final = """
-- KEYS processes, said, gateways, their times, meta; ARGV how many shards, base
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local processes, gateways, shards = {}, {}, {}
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for at = 1, #found, 2 do
  processes[#processes + 1] = {found[at], now - found[at + 1], redis.call('HGET', KEYS[2], found[at]) or ''}
end
found = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
for at = 1, #found, 2 do
  gateways[#gateways + 1] = {found[at], now - found[at + 1], redis.call('HGET', KEYS[3], found[at]) or ''}
end
for shard = 0, ARGV[1] - 1 do
  local stream, oldest = ARGV[2] .. 'stream:' .. shard, 0
  local waiting = redis.call('XLEN', stream)
  if waiting > 0 then
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
    oldest = now - string.match(first, '%d+')
  end
  shards[#shards + 1] = {redis.call('EXISTS', ARGV[2] .. 'lease:' .. shard), waiting, oldest}
end
local bytes = redis.call('HGET', KEYS[5], 'bytes') or '0'
return {processes, gateways, shards, bytes, redis.call('HGET', KEYS[5], 'refused') or '0', now}
"""
