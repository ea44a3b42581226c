/** What a member may ask and tell over streams of its own, and who answers. */
import type { Registrar } from '@libp2p/interface-internal'
import { decodeRefusal } from '../../wire/refusal.ts'
import { farewellProtocol } from './farewell.ts'
import type { Gossip } from './gossip.ts'
import { askId, tellId } from './libp2p-node.ts'
import type { Link, MemberLinks } from './member-links.ts'
import { askProtocols, type NetHandlers, tellProtocols } from './port.ts'
import { type StepUp, stepUpProtocol } from './step-up.ts'
import type { Asks, Tells } from './streams.ts'

export interface ServedParts {
  readonly handlers: Pick<NetHandlers, 'asked' | 'told'>
  readonly asks: Asks
  readonly tells: Tells
  readonly gossip: Gossip
  readonly stepUp: StepUp<Link>
  readonly links: MemberLinks
}

/** Registers every member protocol. Called once, before the node listens. */
export async function serveMembers(registrar: Registrar, parts: ServedParts): Promise<void> {
  const { handlers, asks, tells, gossip, stepUp, links } = parts
  for (const protocol of askProtocols) {
    await asks.serve(registrar, askId(protocol), (request, from, signal) =>
      handlers.asked(protocol, request, from, signal),
    )
  }
  for (const protocol of tellProtocols) {
    await tells.serve(registrar, tellId(protocol), (frame, from) =>
      handlers.told(protocol, frame, from),
    )
  }
  await gossip.serve(registrar)
  await asks.serve(registrar, stepUpProtocol, (request, _from, _signal, link) =>
    stepUp.answer(request, link),
  )
  await asks.serve(registrar, farewellProtocol, async (request, from) => {
    links.giveReason(from, decodeRefusal(request).code)
    return new Uint8Array(0)
  })
}
