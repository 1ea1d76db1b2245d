// request.signal is behind this flag. No compatibility date makes it the default yet:
// https://developers.cloudflare.com/workers/configuration/compatibility-flags/#enable-requestsignal-for-incoming-requests
const FLAGS = ['enable_request_signal']

/** A workerd configuration for a `worker.js` in the same folder. `object` adds a Durable Object class. */
export function workerdConfig({ object }: { object: boolean }): string {
  const durable = `
  bindings = [(name = "STREAMS", durableObjectNamespace = "Streams")],
  durableObjectNamespaces = [(className = "Streams", uniqueKey = "streams")],
  durableObjectStorage = (inMemory = void),`
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ${JSON.stringify(FLAGS)},${object ? durable : ''}
);
`
}
