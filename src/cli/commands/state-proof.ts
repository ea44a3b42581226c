/** `coterie state prove` and `verify-proof`: what a key holds, for people who trust a root and not the node they ask. */
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { isPublicKey } from '../../attestation/manifest.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { HostError, UsageError } from '../../base/errors.ts'
import { summaryOf } from '../entry-text.ts'
import { paint, printJson, printLine } from '../output.ts'
import { readPolicy, readPolicyBytes } from '../policy-file.ts'
import { readProof, type Trusted, verifyProof } from '../proof-file.ts'
import { type ReachFlags, withNode } from '../reach.ts'

const rootNotGiven = {
  code: 'ROOT_NOT_GIVEN',
  text:
    'Only the root that the proof itself names was checked, and anybody can make a proof under a root of their own. ' +
    'Give --root with one that comes from somebody you trust.',
} as const

export function proveCommand(): Command {
  return new Command('prove')
    .description('get the proof of what a key holds, or that it holds nothing')
    .argument('<key>', 'below a public prefix of the manifest')
    .option('--out <file>', 'where to write it; standard output unless said')
    .action(async (key: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<ReachFlags & { readonly out?: string }>()
      const proof = await withNode(flags, (client, signal) => client.prove(key, signal))
      const { out } = flags
      if (out === undefined) return printJson(proof)
      await writeFile(out, `${JSON.stringify(proof, null, 2)}\n`, { flag: 'wx' }).catch(cause => {
        const next = 'Name a file that is not there yet.'
        throw new HostError('FILE_NOT_WRITTEN', `${out} could not be written.`, { cause, next })
      })
      if (flags.json === true) return printJson({ out, key: proof.key, root: proof.root })
      printLine(
        `Wrote ${out}, under root ${proof.root}. Verify it with coterie state verify-proof.`,
      )
    })
}

interface VerifyFlags {
  readonly key?: string
  readonly root?: string
  readonly manifest?: string
  readonly json?: boolean
}

export function verifyProofCommand(): Command {
  return new Command('verify-proof')
    .description('say what a proof shows; needs no node and no network')
    .argument('<file>', 'as coterie state prove wrote it, or - for standard input')
    .option('--key <key>', 'the whole key that you asked for; the proof of another is refused')
    .option(
      '--root <hex>',
      'the root that you trust; without it the proof vouches for itself alone',
    )
    .option('--manifest <file>', 'says which keys are public; without it no absence is believed')
    .addHelpText(
      'after',
      '\nThe root is 64 hexadecimal digits, as in state.root of coterie status --json on a node that you trust.',
    )
    .action(async (file: string, _: object, command: Command) => {
      const flags = command.optsWithGlobals<VerifyFlags>()
      const proven = verifyProof(await readProof(file), await trustedBy(flags))
      const warnings = proven.rootFrom === 'proof' ? [rootNotGiven] : []
      if (flags.json === true) return printJson({ ...proven, warnings })
      printLine(summaryOf(proven.key, proven.entry, 'holds nothing'))
      printLine(`Proven under root ${proven.root}.`)
      for (const { text } of warnings) printLine(`${paint('yellow', 'But:')} ${text}`)
    })
}

async function trustedBy({ key, root, manifest }: VerifyFlags): Promise<Trusted> {
  const bytes = root === undefined ? undefined : fromHex(root)
  if (root !== undefined && bytes?.length !== 32) {
    throw new UsageError('BAD_ROOT', 'A root has 64 hexadecimal digits.', {
      next: 'Copy it whole: state.root of coterie status --json on a node that you trust.',
    })
  }
  const document = manifest === undefined ? undefined : readPolicy(await readPolicyBytes(manifest))
  return {
    key,
    root: bytes === undefined ? undefined : toHex(bytes),
    isPublic: document === undefined ? undefined : key => isPublicKey(document.manifest, key),
  }
}
