/** The keys of a log, and access to them for a program that is not a log. */
export interface LogInRedis {
  readonly name: string
  /** The prefix of the client for a channel's name. */
  readonly prefix?: string
  readonly isSharded?: boolean
  run(...command: string[]): Promise<unknown>
}

/** Changes that another program, or a person by hand, may make to a log in Redis. */
export const FOREIGN: Readonly<Record<string, (log: LogInRedis) => Promise<unknown>>> = {
  'an entry of other fields': (log) => add(log, '*', 'user', '7'),
  'an entry without a message': (log) => add(log, '*', 'b', '1'),
  'an entry of another text': (log) => add(log, '*', 'm', 'id: 7', 'b', 'x'),
  'many entries': async (log) => {
    await Promise.all(Array.from({ length: 2_500 }, (_, index) => add(log, '*', 'm', `${index}`)))
  },
  'an entry dated some seconds later than now': (log) => add(log, `${Date.now() + 5_000}-3`, 'm', 'x'),
  'an entry dated days later than now': (log) => add(log, `${Date.now() + 200_000_000}-0`, 'm', 'x'),
  'the last entry that a stream can have': (log) => add(log, '18446744073709551615-18446744073709551615', 'm', 'x'),
  'an entry with a number that is none of ours': (log) => add(log, `${Date.now() - 1}-18446744073709551615`, 'm', 'x').catch(() => {}),
  'an epoch that is none': (log) => log.run('HSET', key(log, 'm'), 'epoch', 'x y\nz'),
  'a number that is none': (log) => log.run('HSET', key(log, 'm'), 'offset', '-7'),
  'a time that is none': (log) => log.run('HSET', key(log, 'm'), 'at', 'soon'),
  'no epoch': (log) => log.run('HDEL', key(log, 'm'), 'epoch'),
  'an announcement of nothing': (log) => publish(log, 'hello'),
  'an announcement of an epoch that is none': (log) => publish(log, 'x y\nz 0 1 2 0'),
  'an announcement of a message with an event of its own': async (log) => {
    const [epoch, at, offset] = (await log.run('HMGET', key(log, 'm'), 'epoch', 'at', 'offset')) as string[]
    const packed = JSON.stringify(['data: x\nevent: reset\nid: 7\n', 1, null, null])
    await publish(log, `${epoch} ${at} ${offset} ${Date.now()} 0\n${packed}`)
  },
  'an announcement of a message of days later': async (log) => {
    const [epoch, at, offset] = (await log.run('HMGET', key(log, 'm'), 'epoch', 'at', 'offset')) as string[]
    const packed = JSON.stringify(['data: x\n', 1, null, null])
    await publish(log, `${epoch} ${at} ${offset} ${Date.now() + 200_000_000} 0\n${packed}`)
  },
  'an announcement of the end': async (log) => {
    const [epoch, at, offset] = (await log.run('HMGET', key(log, 'm'), 'epoch', 'at', 'offset')) as string[]
    await publish(log, `${epoch} ${at} ${offset} ${at} 1`)
  },
  'announcements by the hundred': async (log) => {
    const epoch = await log.run('HGET', key(log, 'm'), 'epoch')
    for (let index = 0; index < 300; index++) await publish(log, `${epoch} 0 ${index + 100} ${index} 0\n[]`)
  },
}

function key({ name }: LogInRedis, kind: string): string {
  return `{${name}}:${kind}`
}

function add(log: LogInRedis, ...entry: string[]): Promise<unknown> {
  return log.run('XADD', key(log, 's'), ...entry)
}

function publish(log: LogInRedis, text: string): Promise<unknown> {
  const channel = `${log.prefix ?? ''}${key(log, 'c')}`
  return log.run(log.isSharded ? 'SPUBLISH' : 'PUBLISH', channel, text)
}
