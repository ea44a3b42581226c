/** What options must mean together, each rule with the sentence that its breach prints. */
import { UsageError } from '../base/errors.ts'
import { areApart } from './app-sockets.ts'
import type { Settings } from './options.ts'

/** Longest path that fits a Unix socket address on Linux with its closing zero (unix(7)). */
const socketPathBytesMax = 107

interface Rule {
  readonly holds: (settings: Settings) => boolean
  readonly sentence: string
  readonly next: string
}

const tcpPort = (address: string): string => /\/tcp\/(\d+)/.exec(address)?.[1] ?? ''
const isUnspecified = (address: string): boolean => /^\/(ip4\/0\.0\.0\.0|ip6\/::)\//.test(address)

const rules: readonly Rule[] = [
  {
    holds: ({ apps }) => areApart(apps),
    sentence: 'Two apps share a name or a socket, or the prefix of one begins that of another.',
    next: 'Give each application a name, a socket and a prefix of its own.',
  },
  {
    holds: ({ apps, httpSocket }) => apps.every(({ socket }) => socket !== httpSocket),
    sentence: 'An application has the socket of the API, which shows the whole state.',
    next: 'Give the application a socket of its own.',
  },
  {
    holds: settings => settings.listen.length > 0,
    sentence:
      'listen is empty: no other node could reach this one, and nobody could join through it.',
    next: 'Give at least one address, for example /ip4/127.0.0.1/tcp/0.',
  },
  {
    holds: ({ listen, announce, bootstrap }) =>
      [...listen, ...announce, ...bootstrap].every(address => Number(tcpPort(address)) <= 65_535),
    sentence: 'An address has a port above 65535.',
    next: 'Correct listen, announce or bootstrap.',
  },
  {
    holds: ({ announce, bootstrap }) =>
      [...announce, ...bootstrap].every(
        address => tcpPort(address) !== '0' && !isUnspecified(address),
      ),
    sentence: 'announce or bootstrap holds an address that nobody can dial (port 0 or 0.0.0.0).',
    next: 'Write the address and port that others see.',
  },
  {
    holds: ({ listen }) => listen.every(address => !address.includes('/p2p/')),
    sentence: 'listen names a peer id, but a node has a new one after every start.',
    next: 'Leave out the /p2p/… part.',
  },
  {
    holds: ({ httpPort, httpSocket, listen }) =>
      httpSocket !== '' ||
      httpPort === 0 ||
      listen.every(address => Number(tcpPort(address)) !== httpPort),
    sentence: 'httpPort and listen use one port, so that the second to start would fail.',
    next: 'Choose another httpPort, or 0 for any free one.',
  },
  {
    holds: ({ httpSocket }) => httpSocket === '' || httpSocket.startsWith('/'),
    sentence: 'httpSocket is a relative path, which would move with the working directory.',
    next: 'Write the absolute path.',
  },
  {
    holds: ({ httpSocket }) => new TextEncoder().encode(httpSocket).length <= socketPathBytesMax,
    sentence: `httpSocket is longer than the ${socketPathBytesMax} bytes that a socket address holds.`,
    next: 'Choose a shorter path, for example under /run.',
  },
  {
    holds: ({ found, foundWait, bootstrap }) => !found || bootstrap.length === 0 || foundWait > 0,
    sentence: 'found with a foundWait of zero would never look at the bootstrap addresses.',
    next: 'Give foundWait the time of a few dials, or leave bootstrap empty.',
  },
]

/** @throws {UsageError} `INCONSISTENT_CONFIG` with the sentence of the first rule that is broken. */
export function assertConsistent(settings: Settings): void {
  const broken = rules.find(rule => !rule.holds(settings))
  if (broken === undefined) return
  throw new UsageError('INCONSISTENT_CONFIG', broken.sentence, { next: broken.next })
}
