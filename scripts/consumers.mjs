// The programs that check-packages.mjs compiles and runs with the packed packages. Each package has at least one.

const node = { lib: ['ES2023'], types: ['node'] }
export const web = { lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: [] }
// Each program has its own folder, so that a package fails if it needs the framework of another package. `beside` maps
// each name that a user installs to the dependency of this repository whose version is installed. `isOlder` marks the
// older majors of a framework.
export const consumers = [
  { source: 'express.ts', tidings: 'express', beside: { express: 'express', '@types/express': '@types/express' }, options: node },
  { source: 'express.ts', tidings: 'express', beside: { express: 'express4', '@types/express': '@types/express4' }, options: node, isOlder: true },
  { source: 'koa.ts', tidings: 'koa', beside: { koa: 'koa', '@types/koa': '@types/koa' }, options: node },
  { source: 'koa.ts', tidings: 'koa', beside: { koa: 'koa2', '@types/koa': '@types/koa2' }, options: node, isOlder: true },
  {
    source: 'hono.ts',
    tidings: 'hono',
    beside: { hono: 'hono', '@hono/node-server': '@hono/node-server', '@types/node': '@types/node' },
    options: { ...web, types: ['node'] },
  },
  { source: 'hono-web.ts', tidings: 'hono', beside: { hono: 'hono' }, options: web },
  {
    source: 'redis.ts',
    tidings: 'redis',
    beside: { redis: 'redis', ioredis: 'ioredis', '@types/node': '@types/node' },
    options: node,
  },
  { source: 'client.ts', tidings: 'client', beside: {}, options: web },
  {
    source: 'client-react.ts',
    tidings: 'client',
    beside: { react: 'react', 'react-dom': 'react-dom', '@types/react': '@types/react', '@types/react-dom': '@types/react-dom' },
    options: web,
  },
  { source: 'core-node.ts', tidings: 'core', beside: { '@types/node': '@types/node' }, options: node },
  { source: 'core-web.ts', tidings: 'core', beside: {}, options: web },
]
