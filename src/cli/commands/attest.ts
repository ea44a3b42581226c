/** `coterie attest …`: evidence about this machine, for whoever wants to judge it. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { readSettings } from '../../api/load-config.ts'
import { isPlatformName } from '../../attestation/platforms.ts'
import { appraiserOf } from '../../attestation/verifiers.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { HostError, UsageError } from '../../base/errors.ts'
import { openAttester } from '../../host/open.ts'
import { addHostFlags, type HostFlags, sourcesOf } from '../host-flags.ts'
import { printJson, printLine } from '../output.ts'

/** A host that takes longer does not quote at all: drivers give up before. */
const patience = 180_000

export function attestCommand(): Command {
  const self = addHostFlags(new Command('self'))
    .description('ask the TEE of this machine for evidence, without a node')
    .option('--nonce <hex>', '64 bytes that the evidence shall carry; drawn by chance unless given')
    .option('--out <file>', 'where to write the evidence as the TEE gave it; it must not be there')
    .option('--json', 'print one JSON document', false)
    .addHelpText(
      'after',
      '\nThe evidence is checked for the nonce, not appraised: coterie verify does.',
    )
    .action(async ({ nonce, out, json, ...flags }: HostFlags) => {
      const reportData = nonceOf(nonce)
      const { settings } = await readSettings(sourcesOf(flags))
      const attester = await openAttester(settings)
      const evidence = await attester.quote(reportData, AbortSignal.timeout(patience))
      const { platform, body } = evidence
      if (typeof out === 'string') await writeNew(out, body)
      const fields = isPlatformName(platform) ? appraiserOf(platform)?.fieldsOf(body) : undefined
      const facts = { platform, reportData: toHex(reportData), bytes: body.length }
      if (json === true) {
        return printJson({ ...facts, evidence: toHex(body), fields: fields ?? null, out })
      }
      printLine(`${platform}: ${body.length} bytes of evidence about this machine.`)
      printLine(`report data: ${facts.reportData}`)
      printLine(typeof out === 'string' ? `Wrote ${out}.` : toHex(body))
    })
  return new Command('attest').addCommand(self)
}

function nonceOf(text: string | boolean | undefined): Uint8Array {
  if (text === undefined) return new Uint8Array(randomBytes(64))
  const bytes = typeof text === 'string' ? fromHex(text) : undefined
  if (bytes?.length === 64) return bytes
  throw new UsageError('BAD_NONCE', 'A nonce has 64 bytes, 128 hexadecimal digits.', {
    next: 'Draw one with: openssl rand -hex 64.',
  })
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes, { flag: 'wx' }).catch(cause => {
    throw new HostError('FILE_NOT_WRITTEN', `${path} could not be written.`, {
      next: 'Name a file that is not there yet.',
      cause,
    })
  })
}
