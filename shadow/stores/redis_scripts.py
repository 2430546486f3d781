"""What is said to Redis of findings, as Lua: each batch is kept as a whole. It must not know what is written.

Below the prefix: ``signatures`` (ids by last seen), ``signature:ID`` (words, count, first, last, ``s:SLOT``,
``v:RELEASE``), ``samples:NAME`` (slot → exchange), ``exchange:ID``, ``exchanges`` (ids by time), ``hits``,
``runs``, ``noise``, ``acknowledged``, ``counts:DAY``, ``minutes:DAY``. Names of fields are JSON arrays.
"""

from __future__ import annotations

from typing import Final

WRITE: Final = """
-- KEYS prefix (all keys begin with it); ARGV batch as JSON, then exchange, its content …
local base, batch = KEYS[1], cjson.decode(ARGV[1])
local ttl = batch.ttl
local function times(key, row)  -- "count first last" in a field
  local known = redis.call('HGET', key, row[1])
  local count, first, last = row[2], row[3], row[4]
  if known then
    local had, since, till = string.match(known, '(%S+) (%S+) (%S+)')
    count = count + had
    if tonumber(since) < tonumber(first) then first = since end
    if tonumber(till) > tonumber(last) then last = till end
  elseif redis.call('HLEN', key) >= batch.most then
    return
  end
  redis.call('HSET', key, row[1], string.format('%d', count) .. ' ' .. first .. ' ' .. last)
end
for _, row in ipairs(batch.counts) do
  for _, kind in ipairs({'counts:' .. batch.day, 'minutes:' .. batch.day}) do
    local field = row[1]
    if kind ~= 'counts:' .. batch.day then field = row[2] end
    redis.call('HINCRBY', base .. kind, field, row[3])
  end
  redis.call('EXPIRE', base .. 'counts:' .. batch.day, ttl)
  redis.call('EXPIRE', base .. 'minutes:' .. batch.day, math.min(ttl, 2 * 86400))
end
for _, row in ipairs(batch.seen) do
  local key = base .. 'signature:' .. row.id
  redis.call('HSET', key, 'words', row.words, 'severity', row.severity)
  redis.call('HINCRBY', key, 'count', row.count)
  local first, last = redis.call('HGET', key, 'first'), redis.call('HGET', key, 'last')
  if not first or tonumber(first) > tonumber(row.first) then redis.call('HSET', key, 'first', row.first) end
  if not last or tonumber(last) < tonumber(row.last) then redis.call('HSET', key, 'last', row.last) end
  redis.call('HINCRBY', key, 's:' .. row.slot, row.count)
  redis.call('HDEL', key, 's:' .. (row.slot - batch.kept))
  if row.version ~= '' then times(key, {'v:' .. row.version, row.count, row.first, row.last}) end
  redis.call('ZADD', base .. 'signatures', redis.call('HGET', key, 'last'), row.id)
  redis.call('EXPIRE', key, ttl)
end
for _, row in ipairs(batch.hits) do times(base .. 'hits', row) end
for _, row in ipairs(batch.runs) do redis.call('HINCRBY', base .. 'runs', row[1], row[2]) end
for _, row in ipairs(batch.noise) do
  local known = redis.call('HGET', base .. 'noise', row[1])
  local control, candidate, same = row[2], row[3], row[4]
  if known then
    local a, b, c = string.match(known, '(%S+) (%S+) (%S+)')
    control, candidate, same = control + a, candidate + b, same + c
  end
  if known or redis.call('HLEN', base .. 'noise') < batch.most then
    redis.call('HSET', base .. 'noise', row[1], string.format('%d %d %d', control, candidate, same))
  end
end
for _, name in ipairs({'hits', 'runs', 'noise'}) do redis.call('EXPIRE', base .. name, ttl) end
for number, sample in ipairs(batch.samples) do
  redis.call('SET', base .. 'exchange:' .. sample.id, ARGV[number + 1], 'EX', ttl)
  redis.call('ZADD', base .. 'exchanges', sample.at, sample.id)
  for _, name in ipairs(sample.names) do
    local key, slot = base .. 'samples:' .. name[1], name[2]
    for free = 0, batch.slots - 1 do
      if redis.call('HEXISTS', key, free) == 0 then slot = free break end
    end
    redis.call('HSET', key, slot, sample.id)
    redis.call('EXPIRE', key, ttl)
  end
  redis.call('HINCRBY', base .. 'sizes', sample.id, #ARGV[number + 1])
  redis.call('HINCRBY', base .. 'size', 'bytes', #ARGV[number + 1])
end
local function drop(id)
  redis.call('DEL', base .. 'exchange:' .. id)
  redis.call('ZREM', base .. 'exchanges', id)
  redis.call('HINCRBY', base .. 'size', 'bytes', -(redis.call('HGET', base .. 'sizes', id) or 0))
  redis.call('HDEL', base .. 'sizes', id)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'exchanges', '-inf', batch.oldest)) do drop(id) end
while tonumber(redis.call('HGET', base .. 'size', 'bytes') or '0') > batch.bytes do
  local oldest = redis.call('ZRANGE', base .. 'exchanges', 0, 0)[1]
  if not oldest then redis.call('DEL', base .. 'size') break end
  drop(oldest)
end
local gone = redis.call('ZRANGEBYSCORE', base .. 'signatures', '-inf', batch.oldest)
for _, id in ipairs(redis.call('ZRANGE', base .. 'signatures', 0, -batch.most - 1)) do
  gone[#gone + 1] = id
end
for _, id in ipairs(gone) do
  redis.call('ZREM', base .. 'signatures', id)
  redis.call('DEL', base .. 'signature:' .. id, base .. 'samples:' .. id)
end
return 1
"""

SIGNATURES: Final = """
-- KEYS prefix → for each signature, last seen first, all its fields and who has acknowledged it
local found = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1] .. 'signatures', 0, -1)) do
  found[#found + 1] = {id, redis.call('HGETALL', KEYS[1] .. 'signature:' .. id),
    redis.call('HGET', KEYS[1] .. 'acknowledged', id) or ''}
end
return found
"""

SAMPLES: Final = """
-- KEYS prefix; ARGV name → the contents of its samples
local found = {}
for _, id in ipairs(redis.call('HVALS', KEYS[1] .. 'samples:' .. ARGV[1])) do
  found[#found + 1] = redis.call('GET', KEYS[1] .. 'exchange:' .. id) or ''
end
return found
"""

STORED: Final = """
-- KEYS prefix; ARGV how many → the contents of the newest exchanges
local found = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1] .. 'exchanges', 0, ARGV[1] - 1)) do
  found[#found + 1] = redis.call('GET', KEYS[1] .. 'exchange:' .. id) or ''
end
return found
"""
