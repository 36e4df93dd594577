-- Samplewatch ledger, version 8: applies one batch to one partition's state, or nothing at all.
-- KEYS: the ledger hash (version, and the next offset of each source topic), the outbox hash, the timers.
-- ARGV: the version this worker last saw, the topic (empty: none moves), the position it last saw, the new position,
--       the changes as msgpack [put, delete, add, timers to set, timers to remove]: by hash, put has names and values
--       in turn, add has the names and then the increments of each,
--       the outgoing messages (empty when there are none), the new version, versions whose messages have been published.
-- Returns {1, new version} when applied, {0, version, position} when the ledger is not where the worker saw it.
-- Counts are kept as services/runtime/packed_counts.py describes them.
local WIDE = '\255\255'
local find, sub, byte, char, floor, min = string.find, string.sub, string.byte, string.char, math.floor, math.min
-- As many fields at once as Lua's stack takes as arguments, with room to spare.
local AT_ONCE = 500

local function widened(narrow)
  local records = {WIDE}
  for at = 1, #narrow, 3 do
    local last = byte(narrow, at + 2)
    local kind = floor(last / 32)
    records[#records + 1] = sub(narrow, at, at + 1) .. char(kind) .. struct.pack('<i4', last - kind * 32)
  end
  return table.concat(records)
end

-- Where the record of a day and kind begins in a wide string, and its count; nil and 0 where there is none.
local function found_wide(wide, day_and_kind)
  local at = find(wide, day_and_kind, 3, true)
  while at and at % 7 ~= 3 do at = find(wide, day_and_kind, at + 1, true) end
  return at, at and struct.unpack('<i4', wide, at + 3) or 0
end

-- With one increment added to a narrow string; nil where the sum does not fit into one.
local function added_narrow(held, day, kind, n)
  local at = find(held, day, 1, true)
  while at do
    if at % 3 == 1 then
      local last = byte(held, at + 2)
      if floor(last / 32) == kind then
        local sum = last % 32 + n
        if sum < 0 or sum > 31 then return nil end
        return sub(held, 1, at - 1) .. (sum > 0 and day .. char(last + n) or '') .. sub(held, at + 3)
      end
    end
    at = find(held, day, at + 1, true)
  end
  if n < 0 or n > 31 then return nil end
  return held .. day .. char(kind * 32 + n)
end

-- The counts with the increments added; both are narrow or wide strings.
local function added(held, increments)
  local first_day = sub(increments, 1, 2)
  local narrow_increments = first_day ~= WIDE
  if held == '' and narrow_increments then return increments end
  local narrow = sub(held, 1, 2) ~= WIDE
  -- most are one narrow record, of a day that is new to the cell's part
  if narrow and #increments == 3 and not find(held, first_day, 1, true) then return held .. increments end
  for start = narrow_increments and 1 or 3, #increments, narrow_increments and 3 or 7 do
    local day, kind, n = sub(increments, start, start + 1), byte(increments, start + 2)
    if narrow_increments then
      n = kind % 32
      kind = (kind - n) / 32
    else
      n = struct.unpack('<i4', increments, start + 3)
    end
    local after = narrow and added_narrow(held, day, kind, n)
    if after then
      held = after
    else
      if narrow then held, narrow = widened(held), false end
      local day_and_kind = day .. char(kind)
      local at, count = found_wide(held, day_and_kind)
      local record = count + n ~= 0 and day_and_kind .. struct.pack('<i4', count + n) or ''
      held = at and sub(held, 1, at - 1) .. record .. sub(held, at + 7) or held .. record
      if held == WIDE then held, narrow = '', true end
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

-- What may fail comes before the first write, since Redis undoes nothing.
local function named(answer, key)
  return type(answer) == 'table' and redis.error_reply(answer.err .. ': ' .. key)
end
local wrong = false
if ARGV[6] ~= '' or #ARGV >= 8 then wrong = named(redis.pcall('HLEN', KEYS[2]), KEYS[2]) end
if next(changes[4]) or changes[5][1] then wrong = wrong or named(redis.pcall('ZSCORE', KEYS[3], ''), KEYS[3]) end
for kind = 1, 2 do
  for key in pairs(changes[kind]) do wrong = wrong or named(redis.pcall('HLEN', key), key) end
end
if wrong then return wrong end
local counted = {}
for key, fields in pairs(changes[3]) do
  local names, increments, deleted = fields[1], fields[2], {}
  for _, name in ipairs(changes[2][key] or {}) do deleted[name] = true end
  for first = 1, #names, AT_ONCE do
    local counts = redis.pcall('HMGET', key, unpack(names, first, min(first + AT_ONCE - 1, #names)))
    if counts.err then return named(counts, key) end
    local args, gone, last = {}, {}, 0
    for place = 1, #counts do
      local name, before = names[first + place - 1], counts[place]
      local after = added(not deleted[name] and before or '', increments[first + place - 1])
      if after == '' then
        gone[#gone + 1] = name
      else
        args[last + 1], args[last + 2], last = name, after, last + 2
      end
    end
    counted[#counted + 1] = {key, args, gone}
  end
end

for key, fields in pairs(changes[1]) do
  for first = 1, #fields, 2 * AT_ONCE do
    redis.call('HSET', key, unpack(fields, first, min(first + 2 * AT_ONCE - 1, #fields)))
  end
end
for key, names in pairs(changes[2]) do
  for _, name in ipairs(names) do redis.call('HDEL', key, name) end
end
for _, changed in ipairs(counted) do
  local key, args, gone = changed[1], changed[2], changed[3]
  if #args > 0 then redis.call('HSET', key, unpack(args)) end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

for member, due in pairs(changes[4]) do redis.call('ZADD', KEYS[3], due, member) end
for _, member in ipairs(changes[5]) do redis.call('ZREM', KEYS[3], member) end

for at = 8, #ARGV do redis.call('HDEL', KEYS[2], ARGV[at]) end
redis.call('HSET', KEYS[1], 'version', ARGV[7])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], ARGV[2], ARGV[4]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], ARGV[7], ARGV[6]) end
return {1, ARGV[7]}
