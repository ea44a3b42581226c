/** What anybody can do who reaches the port of a node: sockets, and no machine. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

interface Raid {
  /** Ports on loopback. */
  readonly targets: readonly number[]
  readonly signal: AbortSignal
}

/** Connections that a stranger holds open at one time: its own machine has limits, too. */
const openMax = 400
const turnPause = 20

/** By the name of the behaviour. */
export const strangerAttacks: Readonly<Record<string, (raid: Raid) => void>> = {
  // Connects and says nothing: five new ones each turn.
  'half-open': raid => siege(raid, { perTurn: 5, greet: () => {}, turn: () => {} }),
  // Speaks multistream-select one byte at a time, so that every connection is always about to say something.
  'slow-frames': raid => {
    return siege(raid, {
      perTurn: 1,
      greet: () => {},
      turn: (socket, turns) => {
        if (turns % 50 === 0)
          socket.write(hello.subarray((turns / 50) % hello.length).subarray(0, 1))
      },
    })
  },
  // Noise in the wrong sense: bytes without meaning, as fast as they are taken.
  noise: raid => {
    return siege(raid, {
      perTurn: 2,
      greet: socket => socket.write(randomBytes(64 * 1024)),
      turn: socket => {
        if (!socket.writableNeedDrain) socket.write(randomBytes(4 * 1024))
      },
    })
  },
}

const hello = Buffer.from('\x13/multistream/1.0.0\n')

interface Tactics {
  /** New connections each turn. */
  readonly perTurn: number
  readonly greet: (socket: Socket) => void
  /** Called for each open connection each turn, with the number of the turn. */
  readonly turn: (socket: Socket, turns: number) => void
}

function siege({ targets, signal }: Raid, tactics: Tactics): void {
  const open = new Set<Socket>()
  let turns = 0
  const timer = setInterval(() => {
    for (let each = 0; each < tactics.perTurn && open.size < openMax; each++) {
      const port = targets[(turns * tactics.perTurn + each) % targets.length]
      if (port === undefined) return
      const socket = connect(port, '127.0.0.1', () => tactics.greet(socket))
      open.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => open.delete(socket))
      socket.resume()
    }
    for (const socket of open) tactics.turn(socket, turns)
    turns++
  }, turnPause)
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    for (const socket of open) socket.destroy()
  })
}
