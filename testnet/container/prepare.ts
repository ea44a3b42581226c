/**
 * Makes what the containers of compose.json are given: the manifest of a testnet, and a machine and a configuration for each. Which keys made
 * them stays out of every container.
 *
 *     node testnet/container/prepare.ts [folder]
 */
import { chown, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { folderOf, makeFolder, nodeFolderOf, writeJson } from '../folder.ts'
import { prepareLayout } from '../layout.ts'

const networkName = 'renclave-net'
const p2pPort = 9600
/** As in the image. */
const containerUser = 10_001

const composeShape = z.object({
  services: z.record(
    z.string(),
    z.object({ networks: z.object({ [networkName]: z.object({ ipv4_address: z.ipv4() }) }) }),
  ),
})

const addressOf = (ip: string): string => `/ip4/${ip}/tcp/${p2pPort}`

async function prepare(path: string): Promise<void> {
  const folder = folderOf(path)
  await makeFolder(folder.path)
  const compose = composeShape.parse(
    JSON.parse(await readFile(new URL('compose.json', import.meta.url), 'utf8')),
  )
  const addresses = Object.values(compose.services).map(({ networks }) =>
    addressOf(networks[networkName]?.ipv4_address ?? ''),
  )
  await prepareLayout(folder, { nodes: addresses.length, fresh: false })
  const given = [folder.manifest]
  for (const [index, address] of addresses.entries()) {
    const { config, machine } = nodeFolderOf(folder, `node-${index}`)
    await writeJson(config, configOf(index, address, addresses))
    given.push(config, machine)
  }
  tell(folder.path, await readableBy(given))
}

function configOf(index: number, own: string, addresses: readonly string[]) {
  return {
    preset: 'lan',
    manifest: '/run/coterie/manifest.json',
    machine: '/run/coterie/machine.json',
    found: index === 0,
    listen: [addressOf('0.0.0.0')],
    announce: [own],
    bootstrap: index === 0 ? [] : addresses.slice(0, 1),
    httpPort: 9000,
    logFormat: 'json',
  }
}

/** The files are for their owner alone, and no container runs as root. @returns who must run them. */
async function readableBy(files: readonly string[]): Promise<string> {
  const [user, group] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  if (user !== 0) return `${user}:${group}`
  for (const file of files) await chown(file, containerUser, containerUser)
  return `${containerUser}:${containerUser}`
}

function tell(path: string, user: string): void {
  console.log(`Made ${path}. Now:`)
  console.log(
    `COTERIE_TEES=${path} COTERIE_USER=${user} docker compose -f testnet/container/compose.json up --build`,
  )
}

await prepare(process.argv[2] ?? join('.coterie', 'containers'))
