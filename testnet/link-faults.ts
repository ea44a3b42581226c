/** Which links are disturbed, and in which words. */
import { UsageError } from '../src/base/errors.ts'
import type { FaultRequest } from './fault-request.ts'
import type { NodeSlot } from './network.ts'
import type { RelayBoard } from './relay.ts'

type LinkRequest = Extract<FaultRequest, { kind: 'partition' | 'delay' | 'loss' }>

export class LinkFaults {
  readonly #relays: RelayBoard
  readonly #texts = new Map<string, string>()

  constructor(relays: RelayBoard) {
    this.#relays = relays
  }

  texts(): string[] {
    return [...this.#texts.values()]
  }

  heal(): void {
    this.#relays.healAll()
    this.#texts.clear()
  }

  /** Tells what was done. @throws {UsageError} `BAD_PARTITION`. */
  disturb(request: LinkRequest, slotsOf: (given: readonly string[]) => NodeSlot[]): string {
    if (request.kind === 'partition') return this.#partition(request, slotsOf)
    const [from, to] = [slotsOf(request.from), slotsOf(request.to)].map(namesOf)
    const { fault, what } = faultOf(request)
    for (const one of from ?? []) {
      for (const other of to ?? []) {
        if (one !== other) this.#relays.disturb({ from: one, to: other }, fault)
      }
    }
    const where = `from ${from?.join(', ')} to ${to?.join(', ')}`
    const key = `${request.kind} ${where}`
    if (what === null) this.#texts.delete(key)
    else this.#texts.set(key, `${where}: ${what}`)
    return `${where}: ${what ?? `no more ${request.kind}`}`
  }

  #partition(
    request: Extract<LinkRequest, { kind: 'partition' }>,
    slotsOf: (given: readonly string[]) => NodeSlot[],
  ): string {
    const left = namesOf(slotsOf(request.left))
    const named = namesOf(slotsOf(request.right.length > 0 ? request.right : ['all']))
    const right = request.right.length > 0 ? named : named.filter(name => !left.includes(name))
    if (right.length === 0 || left.some(name => right.includes(name))) {
      throw new UsageError('BAD_PARTITION', 'a partition has two sides with no node in both', {
        next: 'Write for example: partition 0,1 2,3,4.',
      })
    }
    const sides = `${left.join(', ')} | ${right.join(', ')}`
    if (request.how === 'one-way') {
      for (const from of left) {
        for (const to of right) this.#relays.disturb({ from, to }, { isCut: true })
      }
    } else {
      this.#relays.partition(left, right, request.how)
    }
    const how = {
      silent: 'cut, and nobody is told',
      reset: 'cut, connections break at once',
      'one-way': 'nothing from left arrives at right; the other way is open',
    }[request.how]
    const text = `${sides}: ${how}`
    this.#texts.set(`partition ${sides}`, text)
    return text
  }
}

/** `what` is `null` where the request ends a fault. */
function faultOf(request: Exclude<LinkRequest, { kind: 'partition' }>) {
  if (request.kind === 'delay') {
    const { delay, jitter } = request
    const what = delay + jitter === 0 ? null : `${delay} ms late, ± ${jitter} ms`
    return { fault: { delay, jitter }, what }
  }
  const { rate, how } = request
  const effect = how === 'stall' ? 'holds its stream up for 1 s' : 'breaks its connection'
  const what = rate === 0 ? null : `${rate * 100} % of all chunks lost, each ${effect}`
  return { fault: { loss: rate, lossKind: how }, what }
}

const namesOf = (slots: readonly NodeSlot[]): string[] => slots.map(({ name }) => name)
