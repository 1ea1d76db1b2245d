import { createHash } from 'node:crypto'
import type { Connector } from './connector.ts'

/** A script that Redis runs as one step. */
export interface Script {
  readonly source: string
  readonly hash: string
}

function script(source: string): Script {
  return { source, hash: createHash('sha1').update(source).digest('hex') }
}

// A log's keys share a hash tag, and so a node. `meta` outlives the stream: it has the epoch, the time and the number of the newest message, 'ended', how much
// is kept, and for each writer what became of its last batch. A stream without it is of another life.
const STAND = `
local function stand(stream, meta, epoch)
  local has = redis.call('HMGET', meta, 'epoch', 'at', 'offset', 'ended')
  local now = redis.call('TIME')
  now = now[1] * 1000 + math.floor(now[2] / 1000)
  if not has[1] then
    redis.call('DEL', stream)
    redis.call('HSET', meta, 'epoch', epoch, 'at', 0, 'offset', 0)
    has = {epoch, 0, 0, false}
  end
  return has[1], tonumber(has[2]), tonumber(has[3]), has[4], now
end

-- A key that is used lives on for the expiry at least, and a quarter longer at most, so that not each use writes. A Redis that cannot write,
-- as one out of memory or a replica, is read all the same.
local function touch(key, expiry)
  if redis.call('PTTL', key) < expiry then redis.pcall('PEXPIRE', key, string.format('%.0f', expiry * 1.25)) end
end
`

/**
 * KEYS: stream, meta, channel, then those of the idempotency keys. ARGV: epoch if there is none, expiry, writer, sequence, publishing command, most
 * messages, greatest age or 0, '1' to end the log, how many messages, how long idempotency keys are known, the messages, and for each idempotency key the
 * number of its message. Gives 'epoch at offset-before', 'history'
 * and the bounds that the last append was given where they were others, and for each message whose key was known its number and id.
 */
export const APPEND: Script = script(`${STAND}
local stream, meta, channel = KEYS[1], KEYS[2], KEYS[3]
local epoch, at, offset, ended, now = stand(stream, meta, ARGV[1])
local field = 'w:' .. ARGV[3]
local sequence = tonumber(ARGV[4])

local bounds = ARGV[6] .. ' ' .. ARGV[7]
local last, others = unpack(redis.call('HMGET', meta, field, 'history'))
if last then
  local seen, _, outcome = string.match(last, '^(%d+) (%d+) (.*)$')
  seen = tonumber(seen)
  if seen == sequence then return outcome end
  if seen > sequence then return redis.error_reply('STALE a later batch of this writer was appended already') end
end
if ended then return redis.error_reply('ENDED the log has ended') end

-- Writers that are gone: looked for once there are 200, and given ten minutes to come back.
if not last and redis.call('HLEN', meta) > 200 then
  local fields = redis.call('HGETALL', meta)
  for i = 1, #fields, 2 do
    local written = string.sub(fields[i], 1, 2) == 'w:' and string.match(fields[i + 1], '^%d+ (%d+)')
    if written and now - tonumber(written) > 600000 then redis.call('HDEL', meta, fields[i]) end
  end
end

local before = string.format('%.0f', at)
if now > at then at = now end
local stamp = string.format('%.0f', at)
local stood = string.format('%.0f', offset)
local news = {epoch .. ' ' .. before .. ' ' .. stood .. ' ' .. stamp .. ' ' .. ARGV[8]}
local count = tonumber(ARGV[9])
local keyOf = {}
for i = 4, #KEYS do keyOf[tonumber(ARGV[10 + count + i - 3])] = KEYS[i] end

local outcome = epoch .. ' ' .. stamp .. ' ' .. stood
if others and others ~= bounds then outcome = outcome .. ' history ' .. string.gsub(others, ' ', '/') end
for i = 1, count do
  local key = keyOf[i]
  local known = key and redis.call('GET', key)
  -- A key may outlive its log.
  if known and string.sub(known, 1, #epoch + 1) == epoch .. '-' then
    outcome = outcome .. ' ' .. i .. ' ' .. known
  else
    offset = offset + 1
    local id = stamp .. '-' .. string.format('%.0f', offset)
    -- 'b' is when the message before it came, where that was not at the same time.
    if before ~= stamp then redis.call('XADD', stream, id, 'm', ARGV[10 + i], 'b', before)
    else redis.call('XADD', stream, id, 'm', ARGV[10 + i]) end
    before = stamp
    if key then redis.call('SET', key, epoch .. '-' .. id, 'PX', ARGV[10]) end
    news[#news + 1] = ARGV[10 + i]
  end
end
if #news > 1 then
  redis.call('XTRIM', stream, 'MAXLEN', '~', ARGV[6])
  if ARGV[7] ~= '0' then redis.call('XTRIM', stream, 'MINID', '~', string.format('%.0f', now - tonumber(ARGV[7]))) end
end

if #news == 1 then stamp = before end
redis.call('HSET', meta, 'at', stamp, 'offset', string.format('%.0f', offset), 'history', bounds, field, ARGV[4] .. ' ' .. string.format('%.0f', now) .. ' ' .. outcome)
if ARGV[8] == '1' then redis.call('HSET', meta, 'ended', 1) end
touch(meta, tonumber(ARGV[2]))
touch(stream, tonumber(ARGV[2]))
if #news > 1 or ARGV[8] == '1' then redis.call(ARGV[5], channel, table.concat(news, '\\n')) end
return outcome
`)

/** KEYS: stream, meta. ARGV: epoch if there is none, expiry, 'XRANGE' or 'XREVRANGE', where it begins, where it ends, most entries. Gives where the log stands and
 * what time it is, then for each message its id, itself, and when the one before it came. */
export const READ: Script = script(`${STAND}
local epoch, at, offset, ended, now = stand(KEYS[1], KEYS[2], ARGV[1])
for _, key in ipairs(KEYS) do touch(key, tonumber(ARGV[2])) end
local page = {epoch, string.format('%.0f', at), string.format('%.0f', offset), ended or '0', string.format('%.0f', math.max(now, at))}
if ARGV[6] ~= '0' then
  for _, entry in ipairs(redis.call(ARGV[3], KEYS[1], ARGV[4], ARGV[5], 'COUNT', ARGV[6])) do
    page[#page + 1] = entry[1]
    page[#page + 1] = entry[2][2]
    page[#page + 1] = entry[2][4] or string.match(entry[1], '^%d+')
  end
end
return page
`)

/** Runs a script on the node of its first key, and sends its source where that does not have it yet. */
export async function runScript(connector: Connector, { source, hash }: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
  const [first = ''] = keys
  const rest = [String(keys.length), ...keys, ...args]
  try {
    return await connector.send(first, ['EVALSHA', hash, ...rest])
  } catch (error) {
    if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error
    return connector.send(first, ['EVAL', source, ...rest])
  }
}
