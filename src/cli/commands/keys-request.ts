/** `coterie keys genesis-request`: the request of a genesis, for holders who sent their public parts, or for trials with keys made here. */
import { stat } from 'node:fs/promises'
import { Command } from 'commander'
import type { Holder } from '../../attestation/custody/custody-manifest.ts'
import { UsageError } from '../../base/errors.ts'
import { activityOf, countOf, planOf, type RequestFlags, requestOf } from '../genesis-request.ts'
import { makeKey, readPublicPart } from '../holder-files.ts'
import { printNote, printWarning } from '../output.ts'
import { newPassphraseOf } from '../passphrase.ts'
import { addPassphraseOption, emit } from './keys-options.ts'

interface Flags extends RequestFlags {
  readonly member: readonly string[]
  readonly memberCount?: string
  readonly output: string
  readonly passphraseFile?: string
}

const helpText = `
With --member-count all keys are made here and lie in one place, which is for trials alone; they are sealed only with --passphrase-file.
In a real ceremony each holder runs coterie keys generate, and their public parts are named with --member.`

export function genesisRequestCommand(): Command {
  const gather = (value: string, before: readonly string[]): readonly string[] => [...before, value]
  const command = new Command('genesis-request')
    .description('write the request of a genesis; needs no network')
    .option('--member <file>', 'public part of a holder; repeat for each', gather, [])
    .option('--member-count <n>', 'make keys of so many members beside the request, for a trial')
    .requiredOption('--threshold <t>', 'holders whose shares rebuild the key, at least 2')
    .option('--manifest-threshold <t>', 'holders who must approve (default: a majority, or t)')
    .requiredOption('--output <file>', 'the request to make')
    .option('--namespace-name <name>', 'name of the key', 'qos-namespace')
    .option('--namespace-nonce <n>', 'tells keys of one name apart; rises', '12345')
    .option('--pivot-hash <hex>', 'SHA-256 of the application; none unless said')
    .option('--pivot-arg <text>', 'an argument of it; may be repeated', gather, [])
    .option('--json', 'tell errors as one JSON document; the request is JSON anyway', false)
    .addHelpText('after', helpText)
  return addPassphraseOption(command).action(genesisRequest)
}

async function genesisRequest(flags: Flags): Promise<void> {
  const { member, memberCount, output } = flags
  if ((memberCount === undefined) === (member.length === 0)) {
    throw new UsageError('MEMBERS_NOT_GIVEN', 'A request names its members in one of two ways.', {
      next: 'Give --member <public part> for each holder, or --member-count <n> for a trial.',
    })
  }
  const count = memberCount === undefined ? member.length : countOf('--member-count', memberCount)
  const plan = planOf(count, flags)
  const isTaken = await stat(output).then(
    () => true,
    () => false,
  )
  if (isTaken) {
    throw new UsageError('OUTPUT_EXISTS', `${output} is there already; nothing was written.`, {
      next: 'Name another file: the keys of the request that is there would be lost.',
    })
  }
  const holders = member.length > 0 ? await namedIn(member) : await madeHere(count, flags)
  const request = requestOf(holders, plan, flags.pivotArg)
  // For trials as the documents of the older tools have it, which look into it; it can say everything but two thresholds.
  const isOld = memberCount !== undefined && flags.manifestThreshold === undefined
  await emit(JSON.stringify(isOld ? activityOf(request) : request), output)
  const { threshold, manifestThreshold } = plan
  printNote(`${threshold} of ${count} rebuild the key, ${manifestThreshold} must approve.`)
}

async function namedIn(files: readonly string[]): Promise<readonly Holder[]> {
  const holders: Holder[] = []
  for (const file of files) holders.push(await readPublicPart(file))
  return holders
}

async function madeHere(count: number, flags: Flags): Promise<readonly Holder[]> {
  const { output, passphraseFile } = flags
  using passphrase = passphraseFile === undefined ? null : await newPassphraseOf(passphraseFile)
  const holders: Holder[] = []
  for (let i = 1; i <= count; i++) {
    const path = `${output.replace(/\.json$/, '')}.member${i}.json`
    const { holder } = await makeKey(path, { alias: `member${i}`, passphrase })
    printNote(`Made the key file ${path}.`)
    holders.push(holder)
  }
  printWarning('All keys lie in one place: whoever has it holds the quorum key. For trials alone.')
  if (passphrase === null) printWarning('They are NOT sealed: whoever reads the files has them.')
  return holders
}
