/** What the conformance suite of the `Net` port stands on: a world to open nets in, and what a net told its node. */
import { fromUtf8 } from '../../src/base/bytes.ts'
import { CoterieError } from '../../src/base/errors.ts'
import { type NodeId, nodeId } from '../../src/base/ids.ts'
import type { Duration } from '../../src/base/time.ts'
import type {
  GossipJudgement,
  Net,
  NetHandlers,
  RefusedConnection,
} from '../../src/host/net/port.ts'
import { FakeAdmission } from '../fixtures/fake-admission.ts'

/** The author of messages that name none. */
const nobody = new FakeAdmission({ name: 'nobody' }).node

/** What a net told its node, and how the node answers: every field may be changed by a test. */
export class RecordingHandlers implements NetHandlers {
  readonly log: string[] = []
  readonly connected: NodeId[] = []
  readonly disconnected: { readonly node: NodeId; readonly reason: string }[] = []
  readonly refusedDials: NodeId[] = []
  readonly refused: RefusedConnection[] = []
  readonly failedDials: string[] = []
  readonly floods: NodeId[] = []
  readonly heard: { readonly topic: string; readonly text: string; readonly from: NodeId }[] = []
  readonly toldFrames: { readonly protocol: string; readonly text: string }[] = []
  readonly steppedUpBy: { readonly node: NodeId; readonly purpose: string }[] = []
  gate: (node: NodeId) => Promise<void> = async () => {}
  /** Who wrote a message stands at its end, `… by 12D3…`; of all others nobody knows. */
  judge: (text: string) => GossipJudgement = text => ({
    kind: 'accept',
    author: nodeId(/ by (12D3\w+)$/.exec(text)?.[1] ?? nobody),
  })
  answer: (request: Uint8Array, signal: AbortSignal) => Promise<Uint8Array> = async request =>
    request

  lightAnswer: (question: Uint8Array, signal: AbortSignal) => Promise<Uint8Array> =
    async question => question

  async memberConnected({ node }: { readonly node: NodeId }): Promise<void> {
    this.connected.push(node)
    this.log.push('connected')
    await this.gate(node)
  }
  memberDisconnected(node: NodeId, reason: string): void {
    this.disconnected.push({ node, reason })
  }
  connectionRefused(refused: RefusedConnection): void {
    this.refused.push(refused)
  }
  dialRefused(node: NodeId): void {
    this.refusedDials.push(node)
  }
  dialFailed(code: string): void {
    this.failedDials.push(code)
  }
  gossip(topic: string, data: Uint8Array, from: NodeId): GossipJudgement {
    const text = fromUtf8(data.subarray(0, 128)) ?? ''
    this.heard.push({ topic, text, from })
    return this.judge(text)
  }
  flooded(node: NodeId): void {
    this.floods.push(node)
  }
  asked(_protocol: string, request: Uint8Array, _from: NodeId, signal: AbortSignal) {
    return this.answer(request, signal)
  }
  lightAsked(question: Uint8Array, signal: AbortSignal) {
    return this.lightAnswer(question, signal)
  }
  told(protocol: string, frame: Uint8Array): void {
    this.toldFrames.push({ protocol, text: fromUtf8(frame.subarray(0, 64)) ?? '' })
  }
  steppedUp(node: NodeId, purpose: string): void {
    this.steppedUpBy.push({ node, purpose })
  }
}

/** One node of a test. */
export interface NetNode {
  readonly net: Net
  readonly admission: FakeAdmission
  readonly handlers: RecordingHandlers
  readonly id: NodeId
}

/** Makes nets and lets time pass for them. */
export interface NetWorld {
  /** Opens a net that is not started; `bootstrap` are addresses without peer id. */
  open(admission: FakeAdmission, handlers: NetHandlers, bootstrap: readonly string[]): Promise<Net>
  /** Lets time pass until `condition` holds; rejects if it does not in a fair time. */
  until(condition: () => boolean, limit?: Duration): Promise<void>
  /** Lets this much time pass. */
  pass(span: Duration): Promise<void>
  now(): number
  end(): Promise<void>
}

export function isMeshed(nodes: readonly NetNode[]): boolean {
  return nodes.every(node =>
    nodes.every(
      other => other === node || node.net.connections().some(link => link.node === other.id),
    ),
  )
}

export function heard(node: NetNode, text: string): boolean {
  return node.handlers.heard.some(message => message.text === text)
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'no error'
  } catch (error) {
    return error instanceof CoterieError ? error.code : String(error)
  }
}

export function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/.*$/, '')
}
