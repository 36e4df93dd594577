-- Samplewatch ledger, version 2: applies one batch to one partition's state, or nothing at all.
-- KEYS: the ledger hash (version, and the next offset of each source topic), the outbox hash.
-- ARGV: the version and the position this worker last saw, the topic, the new position,
--       the changes as msgpack [put, delete, add], the outgoing messages (empty when there are none), the new version.
-- Returns {1, new version} when applied, {0, version, position} when the ledger is not where the worker saw it.
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
for index, members in pairs(changes[3]) do
  for name, fields in pairs(members) do
    local key, new = index .. ':' .. name, false
    for name_of_count, n in pairs(fields) do
      if n ~= 0 then new = redis.call('HINCRBY', key, name_of_count, n) == n or new end
    end
    if new then redis.call('SADD', index, name) end
  end
end

redis.call('HSET', KEYS[1], 'version', ARGV[7], ARGV[2], ARGV[4])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], ARGV[7], ARGV[6]) end
return {1, ARGV[7]}
