/** Runs settled in passes: what comes out is what true answers make of it, whoever wrote what is run, and nothing of a guess stays. */
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  type Arithmetic,
  holds,
  isCertain,
  type SignatureCheck,
  withArithmetic,
} from '../../../src/crypto/arithmetic.ts'
import { inPasses, passLimits } from '../../../src/crypto/passes.ts'
import { verifyBy } from '../../../src/crypto/subtle.ts'

/** The check of this number: its message alone tells it from others. */
const checkOf = (number: number, bytes = 4): SignatureCheck => {
  const message = new Uint8Array(bytes)
  new DataView(message.buffer).setUint32(0, number)
  return { kind: 'ed25519', publicKey: new Uint8Array(32), message, signature: new Uint8Array(64) }
}
const numberOf = ({ message }: SignatureCheck): number =>
  new DataView(message.buffer, message.byteOffset).getUint32(0)

/** What is true of each check, and how often it was asked later and at once. */
function truthOf(isTrue: (number: number) => boolean) {
  const asked = { later: [] as number[], atOnce: [] as number[] }
  const arithmetic: Arithmetic = {
    isCertain: true,
    holds: check => {
      asked.atOnce.push(numberOf(check))
      return isTrue(numberOf(check))
    },
  }
  const ports = {
    verify: (check: SignatureCheck): Promise<boolean | undefined> => {
      const number = numberOf(check)
      asked.later.push(number)
      return Promise.resolve(isTrue(number))
    },
    loadPortable: () => Promise.resolve(arithmetic),
  }
  return { asked, arithmetic, ports }
}

/** A program whose way depends on signatures. */
type Program =
  | { readonly kind: 'end'; readonly value: number }
  | { readonly kind: 'throw'; readonly value: number }
  | {
      readonly kind: 'ask'
      readonly check: number
      readonly yes: Program
      readonly no: Program
    }
  | {
      readonly kind: 'search' | 'all'
      readonly checks: readonly number[]
      readonly yes: Program
      readonly no: Program
    }

const number = fc.nat({ max: 30 })
const { program } = fc.letrec<{ program: Program }>(tie => ({
  program: fc.oneof(
    { depthSize: 'medium', maxDepth: 6, withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('end', 'throw'), value: fc.nat({ max: 1_000 }) }),
    fc.record({ kind: fc.constant('ask'), check: number, yes: tie('program'), no: tie('program') }),
    fc.record({
      kind: fc.constantFrom('search', 'all'),
      checks: fc.array(number, { maxLength: 12 }),
      yes: tie('program'),
      no: tie('program'),
    }),
  ) as fc.Arbitrary<Program>,
}))

/** Runs a program; `keep` is told what is found to hold, as by a cache that asks first. */
function runProgram(program: Program, keep: (check: number) => void): string {
  const isGood = (check: number): boolean => {
    const good = holds(checkOf(check))
    if (good && isCertain()) keep(check)
    return good
  }
  switch (program.kind) {
    case 'end':
      return `end ${program.value}`
    case 'throw':
      throw new Error(`thrown ${program.value}`)
    case 'ask':
      return runProgram(isGood(program.check) ? program.yes : program.no, keep)
    case 'search':
      return runProgram(program.checks.some(isGood) ? program.yes : program.no, keep)
    case 'all':
      return runProgram(program.checks.every(isGood) ? program.yes : program.no, keep)
  }
}

const outcomeOf = async (run: () => Promise<string> | string): Promise<string> => {
  try {
    return await run()
  } catch (error) {
    return String(error)
  }
}

test('whatever is run, it ends as with arithmetic that answers at once, and keeps nothing that is not so', async () => {
  let deepest = 0
  const truths = fc.array(fc.boolean(), { minLength: 31, maxLength: 31 })
  await fc.assert(
    fc.asyncProperty(program, truths, async (program, truths) => {
      const { arithmetic, asked, ports } = truthOf(check => truths[check] === true)
      const [kept, keptAtOnce] = [new Set<number>(), new Set<number>()]
      const settled = await outcomeOf(() =>
        inPasses(() => runProgram(program, check => kept.add(check)), ports),
      )
      const atOnce = await outcomeOf(() =>
        withArithmetic(arithmetic, () => runProgram(program, check => keptAtOnce.add(check))),
      )
      expect(settled).toBe(atOnce)
      for (const check of kept) expect(truths[check]).toBe(true)
      for (const check of keptAtOnce) expect(kept).toContain(check)
      deepest = Math.max(deepest, asked.later.length)
    }),
    { numRuns: 2_000 },
  )
  // Programs that ask nothing, or once, show little.
  expect(deepest).toBeGreaterThan(12)
})

test('a chain of signatures that hold takes two runs, a search among many that do not three', async () => {
  const chain = truthOf(() => true)
  let runs = 0
  const all = (): boolean => {
    runs++
    return [1, 2, 3, 4, 5, 6].every(check => holds(checkOf(check)))
  }
  expect(await inPasses(all, chain.ports)).toBe(true)
  expect([runs, chain.asked.later]).toEqual([2, [1, 2, 3, 4, 5, 6]])
  const search = truthOf(check => check === 100)
  runs = 0
  const found = (): number | undefined => {
    runs++
    return Array.from({ length: 101 }, (_, i) => i).find(check => holds(checkOf(check)))
  }
  expect(await inPasses(found, search.ports)).toBe(100)
  expect(runs).toBe(3)
  expect(search.asked.atOnce).toEqual([])
})

describe('a hostile program', () => {
  /** Each answer leads to a check that nobody could know of before. */
  const winding = (steps: number) => (): number => {
    let at = 0
    for (let step = 0; step < steps; step++) at = 2 * at + (holds(checkOf(at)) ? 1 : 2)
    return at
  }

  test('that always asks on is run a few times, and then answered at once', async () => {
    // Never what is guessed.
    const isTrue = (check: number): boolean => Math.floor(Math.log2(check + 1)) % 2 === 1
    const { arithmetic, asked, ports } = truthOf(isTrue)
    let runs = 0
    const run = (): number => {
      runs++
      return winding(20)()
    }
    expect(await inPasses(run, ports)).toBe(withArithmetic(arithmetic, winding(20)))
    expect(runs).toBe(passLimits.passesMax + 1)
    expect(asked.atOnce.length).toBeGreaterThan(0)
  })

  test('that asks without end of WebCrypto has the rest answered at once, in the next run', async () => {
    const count = passLimits.checksMax + 100
    const { asked, ports } = truthOf(() => true)
    const all = (): number =>
      Array.from({ length: count }, (_, i) => holds(checkOf(i))).filter(Boolean).length
    expect(await inPasses(all, ports)).toBe(count)
    expect(asked.later).toHaveLength(passLimits.checksMax)
    expect(asked.atOnce).toHaveLength(100)
  })

  test('is left alone up to the bound, however its checks come', async () => {
    const { asked, ports } = truthOf(check => check > 0)
    const half = passLimits.checksMax / 2
    const from = (first: number): boolean[] =>
      Array.from({ length: half }, (_, i) => holds(checkOf(first + i)))
    const run = (): number => (from(0)[0] ? 0 : from(half).filter(Boolean).length)
    expect(await inPasses(run, ports)).toBe(half)
    expect(asked.later).toHaveLength(2 * half)
    expect(asked.atOnce).toEqual([])
  })

  test('that hands over more bytes than anybody honest has the rest answered at once', async () => {
    const { asked, ports } = truthOf(check => check > 0)
    const long = passLimits.bytesMax / 4 + 1
    const made = await inPasses(
      () => [0, 1, 2, 3, 4].map(check => holds(checkOf(check, long))),
      ports,
    )
    expect(made).toEqual([false, true, true, true, true])
    expect(asked).toEqual({ later: [0, 1, 2], atOnce: [3, 4] })
  })
})

test('an algorithm that is missing is answered at once, the others are not asked again', async () => {
  const { asked, ports } = truthOf(check => check < 2)
  const verify: typeof ports.verify = async check =>
    check.message[3] === 1 ? undefined : await ports.verify(check)
  const made = await inPasses(() => [0, 1, 2].map(check => holds(checkOf(check))), {
    ...ports,
    verify,
  })
  expect(made).toEqual([true, true, false])
  expect(asked).toEqual({ later: [0, 2], atOnce: [1] })
})

test('without the portable arithmetic nothing is said', async () => {
  const { ports } = truthOf(() => true)
  const lost = new Error('not loaded')
  const run = (): boolean => holds(checkOf(1))
  const verify = () => Promise.resolve(undefined)
  const loadPortable = () => Promise.reject(lost)
  await expect(inPasses(run, { ...ports, verify, loadPortable })).rejects.toBe(lost)
})

test('runs that wait for each other keep their answers apart', async () => {
  const [yes, no] = [truthOf(() => true), truthOf(() => false)]
  const run = (): boolean => holds(checkOf(1))
  expect(await Promise.all([inPasses(run, yes.ports), inPasses(run, no.ports)])).toEqual([
    true,
    false,
  ])
  expect(() => run()).toThrow('within atOnce or settled')
  expect(isCertain()).toBe(true)
})

test('no two checks share an answer', async () => {
  const bytes = (value: number, length = 4): Uint8Array => new Uint8Array(length).fill(value)
  const point = { curve: 'P-256', hash: 'SHA-256', format: 'raw' } as const
  const signed = { publicKey: bytes(1), message: bytes(2), signature: bytes(3) }
  const checks: readonly SignatureCheck[] = [
    { kind: 'ed25519', ...signed },
    { kind: 'ed25519', ...signed, publicKey: bytes(1, 5), message: bytes(2, 3) },
    { kind: 'ed25519', ...signed, message: bytes(4) },
    { kind: 'ed25519', ...signed, signature: bytes(4) },
    { kind: 'ecdsa', ...point, ...signed },
    { kind: 'ecdsa', ...point, ...signed, curve: 'P-384' },
    { kind: 'ecdsa', ...point, ...signed, hash: 'SHA-384' },
    { kind: 'ecdsa', ...point, ...signed, format: 'der' },
    { kind: 'rsa-pss', modulus: bytes(1), message: bytes(2), signature: bytes(3) },
  ]
  const verify = vi.fn(() => Promise.resolve(true))
  await inPasses(() => [...checks, ...checks].every(holds), {
    ...truthOf(() => true).ports,
    verify,
  })
  expect(verify).toHaveBeenCalledTimes(checks.length)
})

describe('WebCrypto', () => {
  const subtle = (refuse: () => Promise<never>) => ({ importKey: refuse, verify: refuse })
  const fails = (name: string) => () => Promise.reject(new DOMException('no', name))

  test.each(['DataError', 'OperationError', 'SyntaxError', 'InvalidAccessError'])(
    'that answers with %s says no, and not that it lacks the algorithm',
    async name => {
      expect(await verifyBy(subtle(fails(name)), checkOf(1))).toBe(false)
      expect(
        await verifyBy(
          subtle(() => Promise.reject(new TypeError('no'))),
          checkOf(1),
        ),
      ).toBe(false)
    },
  )

  test('that lacks an algorithm is told apart', async () => {
    expect(await verifyBy(subtle(fails('NotSupportedError')), checkOf(1))).toBeUndefined()
  })

  test('is given copies, so that nobody changes what is checked while it waits', async () => {
    const seen: Uint8Array[] = []
    const check = checkOf(1)
    const before = check.message.slice()
    const verified = verifyBy(
      {
        importKey: () => Promise.resolve({} as CryptoKey),
        verify: (_scheme: unknown, _key: unknown, _signature: unknown, message: unknown) => {
          if (message instanceof Uint8Array) seen.push(message)
          return Promise.resolve(true)
        },
      },
      check,
    )
    check.message.fill(0xff)
    expect(await verified).toBe(true)
    expect(seen).toEqual([before])
  })
})
