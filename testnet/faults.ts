/**
 * Breaks a running testnet on purpose, and keeps what is broken. Faults act on processes, on the relays between
 * them and on the clock of a process: a node has no fault hook.
 */
import { UsageError, unreachable } from '../src/base/errors.ts'
import { parseOffset, shiftClock } from './clock-file.ts'
import type { ActiveFault, FaultAnswer, FaultRequest } from './fault-request.ts'
import type { Folder } from './folder.ts'
import { startIntruder } from './intruder.ts'
import type { Layout } from './layout.ts'
import { LinkFaults } from './link-faults.ts'
import type { NodeSlot, Testnet } from './network.ts'
import { removeMember } from './remove-member.ts'

export interface FaultPorts {
  readonly testnet: Testnet
  readonly folder: Folder
  readonly layout: Layout
}

type Told = Omit<FaultAnswer, 'active'>

const command = 'npm run -s coterie -- testnet'
const fault = `${command} fault`
const status = `${command} status`

/** The faults of one testnet. Requests are carried out one after the other. */
export class Faults {
  readonly #ports: FaultPorts
  readonly #links: LinkFaults
  readonly #frozen = new Set<string>()
  readonly #offsets = new Map<string, string>()
  #intruders = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(ports: FaultPorts) {
    this.#ports = ports
    this.#links = new LinkFaults(ports.testnet.relays)
  }

  /**
   * Does what is asked and tells what to watch.
   *
   * @throws {UsageError} `UNKNOWN_NODE`, `NODE_IS_DOWN`, `BAD_OFFSET`, `BAD_PARTITION`.
   */
  apply(request: FaultRequest): Promise<FaultAnswer> {
    const answer = this.#turn.then(() => this.#apply(request))
    this.#turn = answer.catch(() => {})
    return answer
  }

  /** What is broken now. */
  active(): ActiveFault[] {
    const { testnet } = this.#ports
    const down = testnet.slots().filter(slot => !slot.isExtra && !testnet.isRunning(slot))
    const intruders = testnet.slots().filter(slot => slot.isExtra && testnet.isRunning(slot))
    const killed = (slot: NodeSlot) => `${fault} kill ${slot.name}`
    return [
      ...down.map(({ name }) => entry('kill', `${name} is down`, `${fault} restart ${name}`)),
      ...[...this.#frozen].map(name => {
        return entry('pause', `${name} stands still`, `${fault} resume ${name}`)
      }),
      ...this.#links.texts().map(text => entry('link', text, `${fault} heal`)),
      ...[...this.#offsets].map(([name, offset]) => {
        return entry('clock', `the clock of ${name} is off by ${offset}`, setRight(name))
      }),
      ...intruders.map(slot => entry('intruder', `${slot.name} tries to get in`, killed(slot))),
    ]
  }

  async #apply(request: FaultRequest): Promise<FaultAnswer> {
    const told = await this.#carryOut(request)
    return { ...told, active: this.active() }
  }

  async #carryOut(request: FaultRequest): Promise<Told> {
    switch (request.kind) {
      case 'kill':
        return await this.#kill(this.#slots(request.nodes))
      case 'pause':
        return this.#freeze(this.#slots(request.nodes), true)
      case 'resume':
        return this.#freeze(this.#slots(request.nodes), false)
      case 'restart':
        return await this.#restart(this.#slots(request.nodes))
      case 'clock':
        return await this.#shift(this.#slots(request.nodes), request.offset)
      case 'wrong-measurement':
        return await this.#intrude()
      case 'remove':
        return await this.#remove(this.#slot(request.node))
      case 'partition':
      case 'delay':
      case 'loss':
        return this.#disturb(request)
      case 'heal':
        this.#links.heal()
        return {
          did: 'all links carry again, what was held is delivered',
          watch: `${status}: one root on all nodes within seconds`,
          undo: 'nothing to undo',
        }
      default:
        return unreachable(request)
    }
  }

  async #kill(slots: readonly NodeSlot[]): Promise<Told> {
    await Promise.all(slots.map(slot => this.#ports.testnet.killNode(slot)))
    for (const { name } of slots) this.#frozen.delete(name)
    return {
      did: `sent SIGKILL to ${names(slots)}`,
      watch: `${status}: the others call it dead within seconds and write on`,
      undo: `${fault} restart ${list(slots)}`,
    }
  }

  #freeze(slots: readonly NodeSlot[], isFrozen: boolean): Told {
    for (const slot of slots) {
      this.#ports.testnet.freezeNode(slot, isFrozen)
      if (isFrozen) this.#frozen.add(slot.name)
      else this.#frozen.delete(slot.name)
    }
    return isFrozen
      ? {
          did: `stopped ${names(slots)} where it stands (SIGSTOP)`,
          watch: `${status}: suspect, then dead to the others; its connections stay open`,
          undo: `${fault} resume ${list(slots)}`,
        }
      : {
          did: `${names(slots)} goes on`,
          watch: `${status}: alive again, without a new identity; it accuses nobody of its own pause`,
          undo: `${fault} pause ${list(slots)}`,
        }
  }

  async #restart(slots: readonly NodeSlot[]): Promise<Told> {
    const { testnet } = this.#ports
    await Promise.all(slots.map(slot => testnet.stopNode(slot)))
    for (const { name } of slots) this.#frozen.delete(name)
    for (const slot of slots) await testnet.startNode(slot)
    return {
      did: `${names(slots)} runs as a new process`,
      watch: `${status}: a new id, attested anew, then the root of the others`,
      undo: 'nothing to undo',
    }
  }

  async #shift(slots: readonly NodeSlot[], offset: string): Promise<Told> {
    const milliseconds = parseOffset(offset)
    for (const { name, folder } of slots) {
      await shiftClock(folder.clock, milliseconds)
      if (milliseconds === 0) this.#offsets.delete(name)
      else this.#offsets.set(name, offset)
    }
    return {
      did:
        milliseconds === 0
          ? `the wall clock of ${names(slots)} is right`
          : `the wall clock of ${names(slots)} jumped; it is off by ${offset}`,
      watch: `${status}: roots, members and writes of the others stay as they were`,
      undo: setRight(list(slots)),
    }
  }

  #disturb(request: Extract<FaultRequest, { kind: 'partition' | 'delay' | 'loss' }>): Told {
    const did = this.#links.disturb(request, given => this.#slots(given))
    const watch = {
      partition: 'each side calls the other dead and writes on',
      delay: 'acknowledgements take longer, nobody is lost',
      loss: 'connections stall or are dialled anew, writes arrive all the same',
    }[request.kind]
    return { did, watch: `${status}: ${watch}`, undo: `${fault} heal` }
  }

  async #intrude(): Promise<Told> {
    const name = `intruder-${++this.#intruders}`
    const slot = await startIntruder(this.#ports, name)
    return {
      did: `${name} runs other software than the manifest names, at http://127.0.0.1:${slot.httpPort}`,
      watch: `npm run -s coterie -- peers why: MEASUREMENT_MISMATCH on both sides, with the register that differs`,
      undo: `${fault} kill ${name}`,
    }
  }

  async #remove(slot: NodeSlot): Promise<Told> {
    const { testnet, layout } = this.#ports
    const other = testnet.slots().find(each => {
      return each !== slot && !each.isExtra && testnet.isRunning(each)
    })
    if (other === undefined || !testnet.isRunning(slot)) throw isDown(slot)
    const { node } = await slot.api.status()
    await removeMember({ node, keys: layout.memberKeys, url: `http://127.0.0.1:${other.httpPort}` })
    return {
      did: `two of the manifest set signed the removal of ${node}, which is ${slot.name}`,
      watch: `${status}: it is out everywhere, and what is written from now on never reaches it`,
      undo: `a removal is for ever; a new identity at the same place: ${fault} restart ${slot.name}`,
    }
  }

  #slots(given: readonly string[]): NodeSlot[] {
    if (given.includes('all')) return this.#ports.testnet.slots().filter(slot => !slot.isExtra)
    return [...new Set(given.map(name => this.#slot(name)))]
  }

  #slot(given: string): NodeSlot {
    const slots = this.#ports.testnet.slots()
    const slot = slots.find(({ name, index, isExtra }) => {
      return name === given || (!isExtra && String(index) === given)
    })
    if (slot !== undefined) return slot
    throw new UsageError('UNKNOWN_NODE', `there is no node ${given}`, {
      next: `Known are ${slots.map(({ name }) => name).join(', ')}, their numbers, and all.`,
    })
  }
}

const names = (slots: readonly NodeSlot[]): string => slots.map(({ name }) => name).join(', ')
const list = (slots: readonly NodeSlot[]): string => slots.map(({ name }) => name).join(' ')
const setRight = (given: string): string => `${fault} clock ${given.replaceAll(' ', ',')} 0`
const entry = (kind: string, text: string, undo: string): ActiveFault => ({ kind, text, undo })

function isDown(slot: NodeSlot): UsageError {
  return new UsageError('NODE_IS_DOWN', `${slot.name} and another node must run for this`, {
    next: `Start it with: ${fault} restart ${slot.name}.`,
  })
}
