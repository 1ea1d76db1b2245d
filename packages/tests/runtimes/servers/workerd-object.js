import { makeApp } from '../app.js'

/** One Durable Object holds a channel and all its streams: requests to one object may share timers and streams. */
export class Streams {
  #app = makeApp()

  fetch(request) {
    return this.#app.fetch(request)
  }
}

export default {
  fetch: (request, env) => env.STREAMS.get(env.STREAMS.idFromName('all')).fetch(request),
}
