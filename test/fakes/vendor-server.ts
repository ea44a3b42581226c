/** A vendor's service on this machine: answers by path, faults included. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type VendorReply = (response: ServerResponse) => void

export interface VendorServer {
  readonly base: string
  /** By path with query; others are 404. */
  readonly replies: Map<string, VendorReply>
  /** Paths as they were asked for. */
  readonly asked: string[]
  stop(): Promise<void>
}

/** A whole answer of 200. */
export const saying =
  (
    contentType: string,
    body: Uint8Array | string,
    headers: Readonly<Record<string, string>> = {},
  ): VendorReply =>
  response =>
    void response.writeHead(200, { 'content-type': contentType, ...headers }).end(body)

/** An answer of another status. */
export const failing =
  (status: number, headers: Readonly<Record<string, string>> = {}): VendorReply =>
  response =>
    void response.writeHead(status, headers).end('{"error":"as it happens"}')

export async function startVendorServer(): Promise<VendorServer> {
  const replies = new Map<string, VendorReply>()
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const reply = replies.get(path) ?? failing(404)
    reply(response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    ...{ base: `http://127.0.0.1:${port}`, replies, asked },
    stop: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
