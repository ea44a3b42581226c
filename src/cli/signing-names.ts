/** Whom and which group a person means: tables show beginnings of groups and ends of nodes. */
import type { ApiClient } from '../api/client.ts'
import { UsageError } from '../base/errors.ts'

/** How long a ceremony, or a signature by signers who die one after the other, may take, in milliseconds. */
export const ceremonyPatience = 120_000

type Asked = Pick<ApiClient, 'signingGroups' | 'members'>

/** The whole id of a group. A whole one is taken as it is: the node may know it from others. */
export async function groupMeant(
  client: Asked,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(name)) return name
  const groups = await client.signingGroups(signal)
  const meant = groups.map(({ group }) => group).filter(group => group.startsWith(name))
  return only(meant, name, 'GROUP', 'coterie signing groups --json shows whole ids.')
}

/** Whole node ids; `undefined` for none given. */
export async function membersMeant(
  client: Asked,
  names: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  if (names === undefined) return undefined
  const members = await client.members(signal)
  return names.map(name => {
    if (/^12D3KooW\w{44}$/.test(name)) return name
    const meant = members.map(({ node }) => node).filter(node => node.endsWith(name))
    return only(meant, name, 'SIGNER', 'coterie members --json shows whole ids.')
  })
}

function only(meant: readonly string[], name: string, what: string, next: string): string {
  const [one] = meant
  if (meant.length === 1 && one !== undefined && name !== '') return one
  const isNone = meant.length === 0
  const text = isNone ? 'The node knows none of this name' : 'Several are called so'
  throw new UsageError(`${isNone ? 'NO_SUCH' : 'AMBIGUOUS'}_${what}`, `${text}: ${name}.`, { next })
}
