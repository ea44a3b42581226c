/** Routes of threshold signing. */
import { fromHex, toHex } from '../../base/bytes.ts'
import type { CoterieNode } from '../../node/handle.ts'
import type { GroupView } from '../../node/signing-api.ts'
import { type Answer, routes } from '../contract.ts'
import type { Register } from '../register.ts'
import { bytesOfValue } from '../values.ts'
import { type Asker, paced } from './custody.ts'

/** A signature costs each of its signers some milliseconds; a ceremony seconds, and a share at each. */
const signRate = { messagesPerSecond: 200, bytesPerSecond: 16 * 1024 * 1024 }
const ceremonyRate = { messagesPerSecond: 1, bytesPerSecond: 1024 * 1024 }
const readRate = { messagesPerSecond: 50, bytesPerSecond: 1024 * 1024 }

export function registerSigningRoutes(
  register: Register,
  node: Pick<CoterieNode, 'signing' | 'sign'>,
  asker: Asker,
): void {
  paced(
    register,
    asker,
    readRate,
  )(routes.signingGroups, () => {
    return { groups: node.signing.groups().map(jsonGroup) }
  })
  const ceremony = paced(register, asker, ceremonyRate)
  ceremony(routes.makeGroup, async ({ body }) => {
    const { signers, ...terms } = body
    const request = { ...terms, ...(signers === undefined ? {} : { signers }) }
    return jsonGroup(await node.signing.makeGroup(request))
  })
  ceremony(routes.reshareGroup, async ({ key, body }) =>
    jsonGroup(await node.signing.reshare(key, body)),
  )
  paced(
    register,
    asker,
    signRate,
  )(routes.signByGroup, async ({ key, body }) => {
    const { message, lock, publicKey } = body
    const made = await node.sign({
      group: key,
      caller: asker.caller,
      message: bytesOfValue(message),
      ...(lock === undefined ? {} : { lock: bytesOfValue(lock) }),
      ...(publicKey === undefined ? {} : { publicKey: fromHex(publicKey) ?? new Uint8Array() }),
    })
    return { ...made, signature: toHex(made.signature), publicKey: toHex(made.publicKey) }
  })
}

function jsonGroup(view: GroupView): Answer<'makeGroup'> {
  return { ...view, publicKey: toHex(view.publicKey), signers: [...view.signers] }
}
