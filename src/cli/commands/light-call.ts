/** `coterie light call` and `light key new`: calls of nodes that nobody reads on the way, as a client that the manifest lists. */
import { Argument, Command } from 'commander'
import { z } from 'zod'
import { ApiError } from '../../api/client.ts'
import { fromUtf8, toHex } from '../../base/bytes.ts'
import { CoterieError } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import { readAtMost } from '../../host/bounded-read.ts'
import { readKeyFile, writeKeyFile } from '../../host/key-file.ts'
import { systemRandom } from '../../host/random.ts'
import { callNode } from '../../light/call.ts'
import type { CallResult } from '../../light/caller.ts'
import { type Call, callBodyBytesMax, callMethods } from '../../wire/sealed-call.ts'
import { type LightFlags, openLight, placeOf } from '../light-look.ts'
import { paint, printable, printJson, printLine, shortId } from '../output.ts'

interface CallFlags extends LightFlags {
  readonly from: readonly string[]
  readonly key: string
  readonly body?: string
  readonly type?: string
  readonly json: boolean
}

const helpText = `
The key stands in the manifest in force: see coterie policy add-client. Nothing is sent but to a node that is genuine and whose state is fresh. Exit codes: 0 the node
did what was asked; 1 it says no, or somebody on the way lied; 2 nothing was sent, the call is at fault; 3 it is not known whether it was carried out.`

/** The command without its pin flags. */
export function callCommand(): Command {
  return new Command('call')
    .description('call the API of a genuine node so that nobody on the way reads it')
    .addArgument(new Argument('<method>').choices(callMethods))
    .argument('<path>', 'route with its query, percent-encoded: /v1/state/team%2Fmotd')
    .option('--from <address>', "a node's HTTP API; repeated: any of them", gather, [])
    .requiredOption('--key <file>', 'key file of the client, mode 0600')
    .option('--body <file>', 'what is sent along, or - for standard input')
    .option('--type <media type>', 'what the body is (default: application/json)')
    .option('--state <file>', 'remember there how far the network was seen')
    .option('--json', 'print status, node and body as one JSON document', false)
    .addHelpText('after', helpText)
    .action(async (method: Call['method'], path: string, flags: CallFlags) => {
      const body = flags.body === undefined ? {} : { body: await bodyIn(flags.body) }
      const type = flags.type === undefined ? {} : { type: flags.type }
      using key = await readKeyFile(flags.key, 'client')
      await using opened = await openLight(await placeOf(flags, flags.from), flags)
      const request = { method, path, ...type, ...body }
      const result = await callNode(opened.client, request, { key })
      print(result, flags)
    })
}

/** The commands about keys of clients. */
export function keyCommand(): Command {
  const key = new Command('key').description('make keys for calls under seal')
  key.addCommand(
    new Command('new')
      .description('make a key of a client and print its public half, for the manifest')
      .argument('<file>', 'where the key goes, mode 0600; never overwritten')
      .option('--json', 'print one JSON document', false)
      .action(async (file: string, { json }: { readonly json: boolean }) => {
        using seed = new Secret(systemRandom.bytes(32))
        const publicKey = toHex(await writeKeyFile(file, seed, 'client'))
        if (json) return printJson({ file, publicKey })
        printLine(publicKey)
        printLine(
          `next: coterie policy add-client <manifest> --name <name> --key ${publicKey} --right read --prefix <prefix>`,
        )
      }),
  )
  return key
}

async function bodyIn(path: string): Promise<Uint8Array> {
  // One byte more than a call takes: the call itself says that it is too long.
  return await readAtMost(path, callBodyBytesMax)
}

function print({ status, type, body, node, source, report }: CallResult, flags: CallFlags): void {
  const text = fromUtf8(body)
  const isJson = /^application\/json\b/.test(type) && text !== undefined
  const said: unknown = isJson ? JSON.parse(text) : undefined
  if (status >= 400) throw errorOf(status, said)
  if (flags.json) {
    const { simulated } = report
    const shown = said ?? text ?? { base64: Buffer.from(body).toString('base64') }
    return printJson({ status, type, node, source, simulated, body: shown })
  }
  printLine(isJson ? printable(JSON.stringify(said)) : printable(text ?? `${body.length} bytes`))
  const what = `Answered under seal by ${shortId(node)} at ${printable(source)}.`
  printLine(
    report.simulated ? `${what} ${paint('magenta', 'SIMULATED: this protects nothing.')}` : what,
  )
}

const saidNo = z.object({ code: z.string(), next: z.string().default('') })

/** In an envelope, or as the routes of custody say no. */
const refusalShape = z.union([
  z.object({ error: saidNo.extend({ message: z.string() }) }).transform(({ error }) => error),
  saidNo
    .extend({ error: z.string() })
    .transform(({ code, next, error }) => ({ code, next, message: error })),
])

function errorOf(status: number, said: unknown): CoterieError {
  const { data } = refusalShape.safeParse(said)
  return data === undefined
    ? new CoterieError('CALL_FAILED', `The node answered with ${status}.`)
    : new ApiError(status, data)
}

const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]
