import { makeApp } from '../app.js'

/** All that one channel reaches lives in one Durable Object, whose requests may share timers and streams. */
export class Streams {
  #app = makeApp()

  fetch(request) {
    return this.#app.fetch(request)
  }
}

export default {
  fetch: (request, env) => env.STREAMS.get(env.STREAMS.idFromName('all')).fetch(request),
}
