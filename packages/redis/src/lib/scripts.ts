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

// A log's keys share a hash tag, and so a node. The hash `meta` lives longer than the stream. It has the epoch, the
// time and the number of the newest message, 'ended', the bounds of the history, the length of the longest message
// ('largest'), and for each writer the outcome of its last batch. A stream without `meta` belongs to an earlier epoch.
const STAND = `
-- The name of the running command, for its error.
local doing
local function call(...)
  doing = ...
  return redis.call(...)
end

local function refused(reason)
  return redis.error_reply('REFUSED ' .. doing .. ' ' .. (type(reason) == 'table' and reason.err or tostring(reason)))
end

local function whole(number)
  return string.format('%.0f', number)
end

local function count(text)
  local number = tonumber(text)
  return number and number >= 0 and number <= 9007199254740991 and number % 1 == 0 and number
end

local function stand(stream, meta, epoch)
  local has = call('HMGET', meta, 'epoch', 'at', 'offset', 'ended', 'largest')
  local now = call('TIME')
  now = now[1] * 1000 + math.floor(now[2] / 1000)
  local at, offset = count(has[2]), count(has[3])
  if not (has[1] and #has[1] == 32 and string.match(has[1], '^[0-9a-f]+$') and at and offset) then
    -- The present content was not written by a log.
    if has[1] or has[2] or has[3] then call('DEL', meta) end
    -- Comes before DEL, since a Redis out of memory refuses writes.
    call('HSET', meta, 'epoch', epoch, 'at', 0, 'offset', 0)
    call('DEL', stream)
    return epoch, 0, 0, false, now, 0
  end
  -- A log of an earlier version does not store 'largest'.
  return has[1], at, offset, has[4], now, count(has[5]) or offset > 0 and 524288 or 0
end

-- Keeps a key alive for at least the expiry after a use, and at most a quarter longer. The quarter saves writes. A Redis that cannot write
-- (out of memory, a replica) is still read.
local function touch(key, expiry, run)
  if call('PTTL', key) < expiry then run('PEXPIRE', key, whole(expiry * 1.25)) end
end
`

/**
 * KEYS: stream, meta, channel, then those of the idempotency keys. ARGV: epoch if there is none, expiry, writer,
 * sequence, publishing command, most messages, greatest age or 0, '1' to end the log, how many messages, how long
 * idempotency keys are known, the messages, and for each idempotency key the number of its message. Returns 'epoch at
 * offset-before', then 'history' and the bounds of the last append if they differ, then the number and id of each
 * message whose key was known. A second line has the reason if the announcement failed.
 *
 * Redis does not roll back a script that fails. So commands that Redis may refuse come first, earlier writes are
 * undone, and only kept messages are announced. One failure shows after everything is kept: the right to publish,
 * withdrawn after this writer's first batch.
 */
export const APPEND: Script = script(`${STAND}
local stream, meta, channel = KEYS[1], KEYS[2], KEYS[3]
local expiry, publish, longest, ends, many = tonumber(ARGV[2]), ARGV[5], tonumber(ARGV[7]), ARGV[8] == '1', tonumber(ARGV[9])
local field, sequence = 'w:' .. ARGV[3], tonumber(ARGV[4])
local bounds = ARGV[6] .. ' ' .. ARGV[7]
local undo = {}

local function undone()
  for i = #undo, 1, -1 do redis.pcall(unpack(undo[i])) end
  undo = {}
end

-- Forgets writers that wrote nothing for ten minutes. It checks a few random ones, so that a call takes as long with thousands of writers.
local function forgetSome(now)
  if call('HLEN', meta) <= 200 then return end
  local some = redis.pcall('HRANDFIELD', meta, 8, 'WITHVALUES')
  for i = 1, #some, 2 do
    local written = string.sub(some[i], 1, 2) == 'w:' and string.match(some[i + 1], '^%d+ (%d+)')
    if written and now - tonumber(written) > 600000 then redis.pcall('HDEL', meta, some[i]) end
  end
end

local function idKnownBy(key, epoch)
  local id = call('GET', key)
  -- A key may live longer than its log.
  return id and string.sub(id, 1, 33) == epoch .. '-' and string.match(id, '^[0-9a-f]+%-%d+%-%d+$')
end

local function append(earliest)
  local epoch, at, offset, ended, now, largest = stand(stream, meta, ARGV[1])
  local last, others = unpack(call('HMGET', meta, field, 'history'))
  local before, stood = whole(at), whole(offset)
  local place = table.concat({epoch, before, stood, before, ended or '0'}, ' ')
  if last then
    local seen, _, outcome = string.match(last, '^(%d+) (%d+) (.*)$')
    seen = tonumber(seen)
    if seen == sequence then
      -- The answer was lost, and maybe the announcement too.
      redis.pcall(publish, channel, place)
      return outcome
    end
    if seen and seen > sequence then return redis.error_reply('STALE a later batch of this writer was appended already') end
  end
  if ended then return redis.error_reply('ENDED the log has ended') end

  at = math.max(at, now, earliest)
  local stamp = whole(at)
  local outcome = epoch .. ' ' .. stamp .. ' ' .. stood
  if others and others ~= bounds then outcome = outcome .. ' history ' .. string.gsub(others, ' ', '/') end
  local news = {epoch .. ' ' .. before .. ' ' .. stood .. ' ' .. stamp .. ' ' .. ARGV[8]}
  local keyOf, idOf, ids, keys = {}, {}, {}, {}
  for i = 4, #KEYS do keyOf[tonumber(ARGV[10 + many + i - 3])] = KEYS[i] end
  local longer = largest
  for i = 1, many do
    local key, text = keyOf[i], ARGV[10 + i]
    local known = key and (idOf[key] or idKnownBy(key, epoch))
    if known then
      outcome = outcome .. ' ' .. i .. ' ' .. known
    else
      offset = offset + 1
      ids[#ids + 1] = stamp .. '-' .. whole(offset)
      news[#news + 1] = text
      longer = math.max(longer, #text)
      if key then
        idOf[key] = epoch .. '-' .. ids[#ids]
        keys[#keys + 1] = key
      end
    end
  end

  -- Announces nothing new. It fails here if the user may not publish.
  if not last then call(publish, channel, place) end
  -- The first write. A Redis that is out of memory, a replica or has a full disk refuses this one.
  call('HSET', meta, 'at', #ids > 0 and stamp or before, 'offset', whole(offset), 'history', bounds, field, ARGV[4] .. ' ' .. whole(now) .. ' ' .. outcome)
  undo[1] = {'HSET', meta, 'at', before, 'offset', stood, field, last or '0 ' .. whole(now) .. ' '}
  if longer > largest then call('HSET', meta, 'largest', whole(longer)) end
  touch(meta, expiry, call)
  for _, key in ipairs(keys) do
    call('SET', key, idOf[key], 'PX', ARGV[10])
    undo[#undo + 1] = {'SET', key, '', 'PX', 1}
  end
  if longest > 0 and #ids > 0 then call('XTRIM', stream, 'MINID', '~', whole(now - longest), 'LIMIT', 1000) end
  -- If the first entry is added, the others are too.
  doing = 'XADD'
  for i, id in ipairs(ids) do
    local entry = {id, 'm', news[i + 1]}
    -- 'b' is the time of the message before, if that is another one.
    if i == 1 and before ~= stamp then entry = {id, 'm', news[i + 1], 'b', before} end
    if i == #ids then redis.call('XADD', stream, 'MAXLEN', '~', ARGV[6], 'LIMIT', 1000, unpack(entry))
    else redis.call('XADD', stream, unpack(entry)) end
  end
  if ends then redis.call('HSET', meta, 'ended', 1) end
  touch(stream, expiry, redis.pcall)
  if not last then forgetSome(now) end
  if #ids == 0 and not ends then return outcome end
  local told = redis.pcall(publish, channel, table.concat(news, '\\n'))
  return type(told) == 'table' and outcome .. '\\n' .. told.err or outcome
end

local isDone, outcome = pcall(append, 0)
if isDone then return outcome end
undone()
local reason = type(outcome) == 'table' and outcome.err or tostring(outcome)
if not (string.find(reason, 'equal or smaller', 1, true) or string.find(reason, 'last possible ID', 1, true)) then return refused(reason) end
-- Another program has added an entry with a later time. Up to a minute later, the log's clock continues from there. Beyond that the log begins a new epoch, since nothing could be added until then.
local top = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
local ahead = top and count(string.match(top[1], '^%d+'))
local now = call('TIME')
if not ahead or ahead > now[1] * 1000 + 60000 then
  call('DEL', meta)
  ahead = -1
end
isDone, outcome = pcall(append, ahead + 1)
if isDone then return outcome end
undone()
return refused(outcome)
`)

/**
 * KEYS: stream, meta. ARGV: epoch if there is none, expiry, 'XRANGE' or 'XREVRANGE', the time and the number of the
 * message that the page begins behind, most entries, most bytes. Returns the log's position and the time, then for
 * each message its id, its text, and the time of the message before it.
 */
export const READ: Script = script(`${STAND}
local stream, meta = KEYS[1], KEYS[2]
local expiry, range, left, bytes = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[6]), tonumber(ARGV[7])

local function read()
  local epoch, at, offset, ended, now, largest = stand(stream, meta, ARGV[1])
  touch(meta, expiry, redis.pcall)
  touch(stream, expiry, redis.pcall)
  local page = {epoch, whole(at), whole(offset), ended or '0', whole(math.max(now, at))}
  -- Entries behind the newest message were not written by a log.
  local newest = whole(at) .. '-' .. whole(offset)
  local from, to = '(' .. ARGV[4] .. '-' .. ARGV[5], '-'
  if range == 'XRANGE' then to = newest
  elseif tonumber(ARGV[4]) > at or (tonumber(ARGV[4]) == at and tonumber(ARGV[5]) > offset) then from = newest end
  -- A right that is missing shows at the first call, which wants no entries.
  if left == 0 then call(range, stream, '-', '-', 'COUNT', 1) end
  while left > 0 and bytes > 0 do
    -- The number of entries that fit even if all are as long as the longest.
    local most = math.min(left, math.max(1, math.floor(bytes / math.max(largest, 1))))
    local entries = call(range, stream, from, to, 'COUNT', whole(most))
    for _, entry in ipairs(entries) do
      local message, before = '', string.match(entry[1], '^%d+')
      for i = 1, #entry[2], 2 do
        if entry[2][i] == 'm' then message = entry[2][i + 1]
        elseif entry[2][i] == 'b' then before = entry[2][i + 1] end
      end
      page[#page + 1] = entry[1]
      page[#page + 1] = message
      page[#page + 1] = before
      bytes = bytes - #message
    end
    if #entries < most then break end
    left = left - most
    from = '(' .. entries[#entries][1]
  end
  return page
end

local isDone, page = pcall(read)
if isDone then return page end
return refused(page)
`)

/**
 * KEYS: stream, meta, channel. ARGV: epoch if there is none, publishing command, writer, sequence, messages. Publishes
 * messages with the log's position, and keeps nothing.
 */
export const TELL: Script = script(`${STAND}
local function tell()
  local epoch, at, offset, ended = stand(KEYS[1], KEYS[2], ARGV[1])
  if ended then return redis.error_reply('ENDED the log has ended') end
  local told = {table.concat({epoch, whole(at), whole(offset), ARGV[3], ARGV[4]}, ' ')}
  for i = 5, #ARGV do told[#told + 1] = ARGV[i] end
  call(ARGV[2], KEYS[3], table.concat(told, '\\n'))
  return 1
end

local isDone, outcome = pcall(tell)
if isDone then return outcome end
return refused(outcome)
`)

/**
 * KEYS: stream, meta, channel. ARGV: an epoch that no log has, publishing command. Removes a log. The announcement
 * makes its followers look, and the first of them makes a log with a new epoch.
 */
export const DESTROY: Script = script(`${STAND}
local function destroy()
  -- It fails here if the user may not publish.
  call(ARGV[2], KEYS[3], ARGV[1] .. ' 0 0 0 0')
  call('DEL', KEYS[1], KEYS[2])
  return 1
end

local isDone, outcome = pcall(destroy)
if isDone then return outcome end
return refused(outcome)
`)

/** Runs a script on the node of its first key. Sends the source if the node does not have it yet. */
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
