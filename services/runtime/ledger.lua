-- Samplewatch ledger, version 5: applies one batch to one partition's state, or nothing at all.
-- KEYS: the ledger hash (version, and the next offset of each source topic), the outbox hash, the timers.
-- ARGV: the version this worker last saw, the topic (empty: none moves), the position it last saw, the new position,
--       the changes as msgpack [put, delete, add, timers to set, timers to remove],
--       the outgoing messages (empty when there are none), the new version, versions whose messages have been published.
-- Returns {1, new version} when applied, {0, version, position} when the ledger is not where the worker saw it.
-- Counts are kept as services/runtime/packed_counts.py describes them.
local WIDE = '\255\255'

local function widened(narrow)
  local records = {WIDE}
  for at = 1, #narrow, 3 do
    local last = string.byte(narrow, at + 2)
    local kind = math.floor(last / 32)
    records[#records + 1] = string.sub(narrow, at, at + 1) .. string.char(kind) .. struct.pack('>i4', last - kind * 32)
  end
  return table.concat(records)
end

-- Where the record of a day and kind begins, and its count; nil and 0 where there is none.
local function found(narrow, day, kind)
  local at = string.find(narrow, day, 1, true)
  while at do
    local last = string.byte(narrow, at + 2)
    if at % 3 == 1 and math.floor(last / 32) == kind then return at, last % 32 end
    at = string.find(narrow, day, at + 1, true)
  end
  return nil, 0
end

local function found_wide(wide, day, kind)
  local prefix = day .. string.char(kind)
  local at = string.find(wide, prefix, 3, true)
  while at and at % 7 ~= 3 do at = string.find(wide, prefix, at + 1, true) end
  return at, at and struct.unpack('>i4', wide, at + 3) or 0
end

local function spliced(held, at, size, record)
  if not at then return held .. record end
  return string.sub(held, 1, at - 1) .. record .. string.sub(held, at + size)
end

-- The counts with the increments (wide records without the leading FFFF) added.
local function added(held, increments)
  for start = 1, #increments, 7 do
    local day, kind = string.sub(increments, start, start + 1), string.byte(increments, start + 2)
    local n = struct.unpack('>i4', increments, start + 3)
    local narrow = string.sub(held, 1, 2) ~= WIDE
    if narrow then
      local at, count = found(held, day, kind)
      local sum = count + n
      if sum >= 0 and sum < 32 then
        held = spliced(held, at, 3, sum > 0 and day .. string.char(kind * 32 + sum) or '')
      else
        held, narrow = widened(held), false
      end
      if narrow then n = nil end
    end
    if n then
      local at, count = found_wide(held, day, kind)
      local sum = count + n
      held = spliced(held, at, 7, sum ~= 0 and day .. string.char(kind) .. struct.pack('>i4', sum) or '')
      if held == WIDE then held = '' end
    end
  end
  return held
end

local held = redis.call('HMGET', KEYS[1], 'version', ARGV[2])
local version, position = held[1] or '', held[2] or ''
if version ~= ARGV[1] or position ~= ARGV[3] then
  return {0, version, position}
end

local changes = cmsgpack.unpack(ARGV[5])
for key, fields in pairs(changes[1]) do
  local args = {}
  for name, value in pairs(fields) do
    args[#args + 1] = name
    args[#args + 1] = value
    if #args == 1000 then -- Lua's stack bounds how many arguments one call can have
      redis.call('HSET', key, unpack(args))
      args = {}
    end
  end
  if #args > 0 then redis.call('HSET', key, unpack(args)) end
end
for key, names in pairs(changes[2]) do
  for _, name in ipairs(names) do redis.call('HDEL', key, name) end
end
for key, fields in pairs(changes[3]) do
  for name, increments in pairs(fields) do
    local before = redis.call('HGET', key, name) or ''
    local after = added(before, increments)
    if after == '' then
      redis.call('HDEL', key, name)
    elseif after ~= before then
      redis.call('HSET', key, name, after)
    end
  end
end

for member, due in pairs(changes[4]) do redis.call('ZADD', KEYS[3], due, member) end
for _, member in ipairs(changes[5]) do redis.call('ZREM', KEYS[3], member) end

for at = 8, #ARGV do redis.call('HDEL', KEYS[2], ARGV[at]) end
redis.call('HSET', KEYS[1], 'version', ARGV[7])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[2], ARGV[4]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], ARGV[7], ARGV[6]) end
return {1, ARGV[7]}
