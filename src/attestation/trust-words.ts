/** What evidence leaves to trust, and what it does not prove, in words for people. */
import type { Demands, Judgement } from './judgement.ts'
import type { PlatformName } from './platforms.ts'

const makers: Readonly<Record<PlatformName, string>> = {
  nitro: 'AWS: its hypervisor, its hardware and the key of its Nitro root',
  sgx: 'Intel: its processors, its microcode and provisioning, and the key of its root',
  tdx: 'Intel: its processors, the TDX module and provisioning, and the key of its root',
  'sev-snp': 'AMD: its processors, its security firmware and the keys of its roots',
  simulated:
    'whoever holds the root of this testnet: the hardware is simulated and protects nothing',
}

/** Sentences about what stays a matter of trust when the verdict is trusted. */
export function trusts(platform: PlatformName, demands: Demands): readonly string[] {
  const { namesSoftware, mainValues, now } = demands
  const software = namesSoftware
    ? 'Whoever approved the policy: that the measurements in it are of software that does what it should.'
    : 'Whoever gave you the measurement: that it is of software that does what it should.'
  return [
    `${capital(makers[platform])}.`,
    ...(namesSoftware || mainValues.length > 0 ? [software] : []),
    `The clock that said ${new Date(now).toISOString()}: certificates and endorsements were held against it.`,
    'This program, and the machine that ran it.',
  ]
}

/** Sentences about what nobody may read into the verdict. */
export function provesNot(
  platform: PlatformName,
  { judgement, demands }: { readonly judgement: Judgement; readonly demands: Demands },
): readonly string[] {
  if (platform === 'simulated') {
    return ['Anything about hardware: a simulated TEE is a file.', ...always]
  }
  const { reportData, policy, revocation } = demands
  const bound =
    reportData === undefined
      ? [
          'That it was made for you, or now: no report data were asked for, so it may be old, or of another machine than the one you talk to.',
        ]
      : []
  const place =
    policy.pins.size === 0
      ? [
          'Which machine it is, where it stands and who can touch it: physical access has yielded attestation keys.',
        ]
      : []
  const revoked =
    revocation === 'if-present' && platform === 'sev-snp'
      ? ['That no certificate was revoked, unless a list of revoked certificates was given.']
      : []
  const software =
    judgement.kind === 'judged' && judgement.answers.some(({ answer }) => answer === 'open')
      ? ['Which software runs there: nobody said which to expect.']
      : []
  return [...software, ...bound, ...place, ...revoked, ...always]
}

const always: readonly string[] = [
  'That the software is free of faults, or that its state was not rolled back by its host.',
]

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1)
