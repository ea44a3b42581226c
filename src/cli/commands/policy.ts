/** `coterie policy`: the life of a manifest, from a draft on a desk to the one in force everywhere. */
import { stat } from 'node:fs/promises'
import { Command } from 'commander'
import type { Answer } from '../../api/contract.ts'
import { type Manifest, manifestHash } from '../../attestation/manifest.ts'
import { approve, approversOf, encodeEnvelope } from '../../attestation/manifest-approval.ts'
import { differingRegisters, type RegisterDifference } from '../../attestation/manifest-diff.ts'
import { explainManifest } from '../../attestation/manifest-text.ts'
import { utf8 } from '../../base/bytes.ts'
import { readKeyFile } from '../../host/key-file.ts'
import { replaceFile } from '../../host/replace-file.ts'
import { confirmHash } from '../confirmation.ts'
import { exitCodes, printable, printJson, printLine } from '../output.ts'
import { faultsOf, readPolicy, readPolicyBytes } from '../policy-file.ts'
import { addReachOptions, type ReachFlags, withNode } from '../reach.ts'
import { addClientCommand, removeClientCommand } from './policy-client.ts'
import { linkCommand } from './policy-link.ts'
import { addMeasurementCommand, removeMeasurementCommand } from './policy-measurement.ts'

type Member = Answer<'members'>['members'][number]

export function policyCommand(): Command {
  const policy = addReachOptions(new Command('policy'))
  const makers = [draftCommand, addMeasurementCommand, removeMeasurementCommand, checkCommand]
  const clients = [addClientCommand, removeClientCommand]
  const others = [explainCommand, diffCommand, approveCommand, applyCommand, linkCommand]
  for (const make of [...makers, ...clients, ...others]) policy.addCommand(make())
  return policy
}

const flagsOf = <T extends ReachFlags>(command: Command): T => command.optsWithGlobals<T>()

function draftCommand(): Command {
  return new Command('draft')
    .description('write the manifest in force as a draft of the next one, to be edited')
    .argument('[file]', 'an envelope or a lineage; the manifest of a running node unless given')
    .requiredOption('--out <file>', 'where the draft goes')
    .action(async (file: string | undefined, _: object, command: Command) => {
      const flags = flagsOf<ReachFlags & { readonly out: string }>(command)
      const { manifest } = await documentOf(file, flags)
      const nonce = manifest.nonce + 1
      const draft = utf8(`${JSON.stringify({ ...manifest, nonce }, null, 2)}\n`)
      await replaceFile(flags.out, draft)
      if (flags.json === true) return printJson({ out: flags.out, nonce })
      printLine(
        `A draft of manifest ${nonce} is in ${flags.out}: edit it, then coterie policy check.`,
      )
    })
}

function checkCommand(): Command {
  return new Command('check')
    .description('say everything that is wrong with a manifest file')
    .argument('<file>', 'a draft, an envelope or a lineage')
    .action(async (file: string, _: object, command: Command) => {
      const faults = faultsOf(await readPolicyBytes(file))
      if (faults.length > 0) process.exitCode = exitCodes.negative
      if (flagsOf(command).json === true) return printJson({ ok: faults.length === 0, faults })
      for (const { code, facts } of faults) printLine(printable(`${code}: ${facts['reason']}`))
      printLine(faults.length === 0 ? 'The manifest holds every rule.' : 'next: mend the above.')
    })
}

function explainCommand(): Command {
  return new Command('explain')
    .description('say in sentences what a manifest means')
    .argument('[file]', 'a manifest file; that of a running node unless given')
    .action(async (file: string | undefined, _: object, command: Command) => {
      const flags = flagsOf(command)
      const { manifest } = await documentOf(file, flags)
      const sentences = explainManifest(manifest)
      const hash = manifestHash(manifest)
      if (flags.json === true) return printJson({ nonce: manifest.nonce, hash, sentences })
      for (const sentence of sentences) printLine(printable(sentence))
      printLine(`Its hash is ${hash}.`)
    })
}

function diffCommand(): Command {
  return new Command('diff')
    .description('say what changes from one manifest to another, and who would be cut off')
    .argument('<file>', 'the later manifest, or the earlier one if two are given')
    .argument('[later]', 'the later manifest; without it <file> is held against a running node')
    .addHelpText(
      'after',
      '\nEach may also be the API of another running node (http://127.0.0.1:9001, unix:/path) or its data directory: ' +
        'then its manifest in force is meant.',
    )
    .action(async (file: string, later: string | undefined, _: object, command: Command) => {
      const flags = flagsOf(command)
      const from = (await documentOf(later === undefined ? undefined : file, flags)).manifest
      const to = (await documentOf(later ?? file, flags)).manifest
      const members = later === undefined ? await withNode(flags, client => client.members()) : []
      const registers = differingRegisters(from, to)
      const report = { ...changes(from, to), registers, cutOff: cutOff(from, to, members) }
      if (flags.json === true) return printJson(report)
      for (const sentence of report.gone) printLine(printable(`- ${sentence}`))
      for (const sentence of report.comes) printLine(printable(`+ ${sentence}`))
      if (report.gone.length + report.comes.length === 0) printLine('Nothing changes.')
      registers.forEach(printRegister)
      for (const { node, measurement } of report.cutOff) {
        printLine(printable(`! ${node} runs ${measurement} and would be cut off now.`))
      }
    })
}

function printRegister({ platform, register, before, after }: RegisterDifference): void {
  const width = Math.max(before.measurement.length, after.measurement.length)
  printLine(printable(`${register} of ${platform} differs:`))
  for (const { measurement, value } of [before, after]) {
    printLine(printable(`    ${measurement.padEnd(width)}  ${value ?? 'not named'}`))
  }
}

function approveCommand(): Command {
  return new Command('approve')
    .description('sign a manifest as a member of the manifest set; needs no node and no network')
    .argument('<file>', 'a draft, or an envelope that others have approved')
    .requiredOption('--key <file>', 'key file of the member, mode 0600')
    .option('--out <file>', 'where the envelope goes (default: <file> if it is one already)')
    .option('--yes', 'do not ask', false)
    .action(async (file: string, _: object, command: Command) => {
      const flags = flagsOf<ApproveFlags>(command)
      const { manifest, approvals, steps } = readPolicy(await readPolicyBytes(file))
      const out =
        flags.out ?? (steps.length > 0 ? file : file.replace(/(\.json)?$/, '.approved.json'))
      const hash = manifestHash(manifest)
      if (!flags.yes) {
        for (const sentence of explainManifest(manifest)) printLine(printable(sentence))
        printLine(`Its hash is ${hash}.`)
        await confirmHash(hash)
      }
      using key = await readKeyFile(flags.key)
      const approval = approve(hash, key)
      const others = approvals.filter(({ member }) => member !== approval.member)
      const all = [...others, approval].sort((a, b) => (a.member < b.member ? -1 : 1))
      await replaceFile(out, encodeEnvelope({ manifest, approvals: all }))
      const counted = approversOf({ manifest, approvals: all }, manifest.manifestSet).size
      const report = { out, hash, member: approval.member, approvals: all.length, counted }
      if (flags.json === true) return printJson(report)
      printLine(`Approved ${hash} as ${approval.member}: ${all.length} approvals in ${out}.`)
    })
}

interface ApproveFlags extends ReachFlags {
  readonly key: string
  readonly out?: string
  readonly yes: boolean
}

function applyCommand(): Command {
  return new Command('apply')
    .description('hand an approved manifest to a running node, which spreads it to all members')
    .argument('<file>', 'an envelope or a lineage')
    .action(async (file: string, _: object, command: Command) => {
      const flags = flagsOf(command)
      const bytes = await readPolicyBytes(file)
      const applied = await withNode(flags, (client, signal) => client.applyManifest(bytes, signal))
      if (flags.json === true) return printJson(applied)
      const { changed, nonce, hash } = applied
      const what = changed ? 'is in force and spreads' : 'was in force already'
      printLine(`Manifest ${nonce} (${hash}) ${what}.`)
    })
}

/** The document in a file, or that of a running node: the one that the flags name unless `file` names another. */
async function documentOf(
  file: string | undefined,
  flags: ReachFlags,
): Promise<ReturnType<typeof readPolicy>> {
  const node = file === undefined ? flags : await nodeAt(file)
  if (node === undefined) return readPolicy(await readPolicyBytes(file ?? ''))
  return readPolicy(await withNode(node, (client, signal) => client.manifest(signal)))
}

/** The flags that reach the node that `place` names; `undefined` for a file. */
async function nodeAt(place: string): Promise<ReachFlags | undefined> {
  if (/^(https?:\/\/|unix:)/.test(place)) return { url: place }
  const isFolder = await stat(place).then(
    found => found.isDirectory(),
    // What cannot be looked at is for whoever reads it as a file to tell.
    () => false,
  )
  return isFolder ? { dataDir: place } : undefined
}

function changes(
  from: Manifest,
  to: Manifest,
): { readonly gone: readonly string[]; readonly comes: readonly string[] } {
  const [before, after] = [explainManifest(from), explainManifest(to)]
  return {
    gone: before.filter(sentence => !after.includes(sentence)),
    comes: after.filter(sentence => !before.includes(sentence)),
  }
}

/** Members whose software the later manifest leaves out. Dates, firmware and pins are the nodes' to judge. */
function cutOff(from: Manifest, to: Manifest, members: readonly Member[]): readonly Member[] {
  const registersOf = (name: string): string | undefined => {
    const found = from.join.measurements.find(measurement => measurement.name === name)
    return found && JSON.stringify([found.platform, found.registers])
  }
  const admitted = new Set(
    to.join.measurements.map(({ platform, registers }) => JSON.stringify([platform, registers])),
  )
  return members.filter(({ measurement }) => {
    const registers = registersOf(measurement)
    return registers !== undefined && !admitted.has(registers)
  })
}
