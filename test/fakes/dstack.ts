/** The guest agent of dstack on a real Unix socket. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '../../src/base/bytes.ts'
import { bareQuote } from './bare-quote.ts'

/** What the agent does with one request. */
export type DstackReply = (
  asked: { readonly path: string; readonly reportData: Uint8Array },
  response: ServerResponse,
) => void

export interface DstackAgent {
  readonly socket: string
  reply: DstackReply
  readonly paths: string[]
  stop(): Promise<void>
}

/** Answers as the agent of dstack 0.5, with quotes by `quote`. */
export const quotingBy =
  (quote: (reportData: Uint8Array) => Uint8Array): DstackReply =>
  ({ path, reportData }, response) => {
    if (path !== '/GetQuote') return void response.writeHead(404).end('{"error":"no such method"}')
    const answer = { quote: toHex(quote(reportData)), event_log: '[]', vm_config: '{}' }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ ...answer, report_data: toHex(reportData) }))
  }

/** The same with quotes that nobody signed. */
const getQuote = quotingBy(reportData => bareQuote('tdx-v4', reportData))

/** Starts an agent on a socket of its own. */
export async function startDstack(reply: DstackReply = getQuote): Promise<DstackAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'coterie-dstack-'))
  const socket = join(folder, 'dstack.sock')
  const agent = { socket, reply, paths: Array.of<string>() }
  const server = createServer(async (asked, response) => {
    agent.paths.push(asked.url ?? '')
    const { report_data } = JSON.parse(await textOf(asked))
    const reportData = Uint8Array.from(Buffer.from(report_data, 'hex'))
    agent.reply({ path: asked.url ?? '', reportData }, response)
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await rm(folder, { recursive: true })
  }
  return Object.assign(agent, { stop })
}

async function textOf(asked: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of asked) parts.push(part)
  return Buffer.concat(parts).toString()
}
