/**
 * What a service of libp2p gets to see of the network: member connections with an unexpired verdict, and
 * nothing else. An allow-list, because connections come in kinds that no encrypter of ours ever saw.
 *
 * `registrar.use` is not used: it pushes each handler into the registered list and so calls it once more
 * with every stream (libp2p 3.3.11).
 */
import type {
  Connection,
  PeerId,
  Stream,
  StreamHandler,
  StreamHandlerOptions,
  Topology,
} from '@libp2p/interface'
import type { ConnectionManager, Registrar } from '@libp2p/interface-internal'
import { HostError } from '../../base/errors.ts'
import { type NodeId, nodeId } from '../../base/ids.ts'

/** Which connections are members', and when their gossip may start. */
export interface Allowed {
  /** The member behind this connection, if its verdict holds. */
  memberOf(connection: Connection): NodeId | undefined
  /** Resolves when gossip with this member may start; rejects if it goes before that. */
  gate(node: NodeId): Promise<void>
  /** The connection to use with this member now. */
  current(node: NodeId): Connection | undefined
}

interface Confined {
  readonly registrar: Registrar
  readonly connectionManager?: ConnectionManager
}

/** Makes a service that sees members only; with `gated`, each of them once its gate is open. */
export function membersOnly<C extends Confined, S>(
  factory: (components: C) => S,
  options: { readonly allowed: Allowed; readonly gated: boolean },
): (components: C) => S {
  return components => {
    const registrar = confineRegistrar(components.registrar, options)
    if (components.connectionManager === undefined) {
      return factory(override(components, { registrar }))
    }
    const connectionManager = confineConnections(components.connectionManager, options.allowed)
    return factory(override(components, { registrar, connectionManager }))
  }
}

function confineRegistrar(
  registrar: Registrar,
  options: { readonly allowed: Allowed; readonly gated: boolean },
): Registrar {
  const { allowed, gated } = options
  const admit = async (connection: Connection): Promise<Connection> => {
    const node = allowed.memberOf(connection)
    if (node === undefined) throw membersOnlyError()
    if (!gated) return connection
    await allowed.gate(node)
    // While the gate was closed the race of two dials may have been decided.
    return allowed.current(node) ?? connection
  }
  return override(registrar, {
    handle: (protocol: string, handler: StreamHandler, handlerOptions?: StreamHandlerOptions) =>
      registrar.handle(
        protocol,
        async (stream: Stream, connection: Connection) => {
          try {
            await admit(connection)
          } catch (error) {
            stream.abort(error instanceof Error ? error : membersOnlyError())
            return
          }
          await handler(stream, connection)
        },
        handlerOptions,
      ),
    register: (protocol: string, topology: Topology) =>
      registrar.register(protocol, {
        ...topology,
        onConnect: (peer: PeerId, connection: Connection) => {
          const connect = async (): Promise<void> => {
            const admitted = await admit(connection).catch(() => undefined)
            if (admitted !== undefined) await topology.onConnect?.(peer, admitted)
          }
          // Not awaited: the registrar tells one topology after the other, and a gate may take seconds.
          void connect()
        },
      }),
  })
}

function confineConnections(manager: ConnectionManager, allowed: Allowed): ConnectionManager {
  const openConnection: ConnectionManager['openConnection'] = async (target, options) => {
    const connection = await manager.openConnection(target, options)
    if (allowed.memberOf(connection) === undefined) throw membersOnlyError()
    return allowed.current(nodeId(connection.remotePeer.toString())) ?? connection
  }
  return override(manager, {
    getConnections: (peer?: PeerId) =>
      manager.getConnections(peer).filter(connection => allowed.memberOf(connection) !== undefined),
    openConnection,
    openStream: (async (target, protocol, options) => {
      const connection = await openConnection(target, options)
      return connection.newStream(protocol, options)
    }) satisfies ConnectionManager['openStream'],
  })
}

function membersOnlyError(): HostError {
  return new HostError('MEMBERS_ONLY', 'MEMBERS_ONLY: not a member connection')
}

/** `target` with some of its properties replaced; methods keep their `this`. */
function override<T extends object>(target: T, replaced: object): T {
  const replacements = new Map<string | symbol, unknown>(Object.entries(replaced))
  return new Proxy(target, {
    get(object, name) {
      if (replacements.has(name)) return replacements.get(name)
      const value: unknown = Reflect.get(object, name, object)
      return typeof value === 'function' ? value.bind(object) : value
    },
  })
}
