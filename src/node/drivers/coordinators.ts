/** Runs the coordinators of a node, one for each group that it asks: requests become promises. */
import { toHex } from '../../base/bytes.ts'
import type { CoterieError } from '../../base/errors.ts'
import { type Digest, digestOf, type NodeId } from '../../base/ids.ts'
import { sha256 } from '../../crypto/hash.ts'
import type { Host } from '../../host/port.ts'
import { Coordinator } from '../../protocol/custody/signing/coordinator.ts'
import type {
  CoordinatorEffect,
  CoordinatorInput,
  CoordinatorPorts,
} from '../../protocol/custody/signing/coordinator-types.ts'
import { groupId, type SigningGroup } from '../../wire/signing-group.ts'
import { Drive } from '../drive.ts'
import type { EventLog } from '../event-log.ts'
import { signingError } from '../signing-errors.ts'

/** Groups asked at once: each keeps nonces of its signers and up to 256 requests. */
const coordinatorsMax = 64

export interface CoordinatorsPorts extends CoordinatorPorts {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly events: EventLog
  readonly identity: Uint8Array
  readonly send: (to: NodeId, statement: Uint8Array) => void
}

/** What is to be signed. */
export interface Wanted {
  readonly message: Uint8Array
  /** `null` in a group without locks. */
  readonly lockKey: Uint8Array | null
  /** Whom it is made for. */
  readonly caller?: string
}

interface Waiting extends PromiseWithResolvers<Uint8Array> {
  readonly caller: string | undefined
}

interface Running {
  readonly group: SigningGroup
  readonly drive: Drive<CoordinatorInput, CoordinatorEffect>
  readonly waiting: Map<number, Waiting>
}

export class Coordinators {
  readonly #ports: CoordinatorsPorts
  readonly #running = new Map<Digest, Running>()
  #lastRequest = 0
  #stopped: CoterieError | undefined

  constructor(ports: CoordinatorsPorts) {
    this.#ports = ports
  }

  /** The signature. @throws {CoterieError} the code of the machine with the next step. */
  sign(group: SigningGroup, { message, lockKey, caller }: Wanted): Promise<Uint8Array> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped)
    const running = this.#of(group)
    if (running === undefined) return Promise.reject(signingError('TOO_MANY_REQUESTS'))
    const request = ++this.#lastRequest
    const answer = Promise.withResolvers<Uint8Array>()
    running.waiting.set(request, { ...answer, caller })
    running.drive.feed({ kind: 'sign', request, message, lockKey })
    return answer.promise
  }

  hear(subject: Digest, bytes: Uint8Array): void {
    this.#running.get(subject)?.drive.feed({ kind: 'heard', bytes })
  }

  stop(reason: CoterieError): void {
    this.#stopped = reason
    for (const { drive, waiting } of this.#running.values()) {
      drive.stop()
      for (const answer of waiting.values()) answer.reject(reason)
    }
    this.#running.clear()
  }

  #of(group: SigningGroup): Running | undefined {
    const id = digestOf(groupId(group))
    const known = this.#running.get(id)
    if (known !== undefined) return known
    if (this.#running.size >= coordinatorsMax && !this.#dropIdle()) return undefined
    const { host, identity, random, sign } = this.#ports
    const machine = new Coordinator({ random, sign }, { identity, group })
    const drive = new Drive<CoordinatorInput, CoordinatorEffect>(machine, host, {
      tick: { kind: 'tick' },
      apply: effect => this.#apply(id, running, effect),
    })
    const running: Running = { group, drive, waiting: new Map() }
    this.#running.set(id, running)
    return running
  }

  #dropIdle(): boolean {
    for (const [id, { drive, waiting }] of this.#running) {
      if (waiting.size > 0) continue
      drive.stop()
      return this.#running.delete(id)
    }
    return false
  }

  #apply(group: Digest, running: Running, effect: CoordinatorEffect): void {
    if (effect.kind === 'send') return this.#ports.send(effect.to, effect.bytes)
    const { suite, epoch } = running.group
    const about = { group, suite, epoch }
    const { events } = this.#ports
    if (effect.kind === 'cheated') {
      const facts = { ...about, accused: effect.node, code: effect.accusation.code }
      return events.note('signing-cheat', 'a signer cheated, and its statements show it', facts)
    }
    const waiting = running.waiting.get(effect.request)
    running.waiting.delete(effect.request)
    if (waiting === undefined) return
    const caller = waiting.caller === undefined ? {} : { caller: waiting.caller }
    if (effect.kind === 'signed') {
      const signature = toHex(sha256(effect.signature))
      events.noteSome('signing-made', 'a group signed for this node', {
        ...about,
        ...caller,
        signature,
      })
      return waiting.resolve(effect.signature)
    }
    const { code, facts } = effect
    events.noteSome('signing-failed', 'a group did not sign', {
      ...about,
      ...caller,
      code,
      ...facts,
    })
    waiting.reject(signingError(code, facts))
  }
}
