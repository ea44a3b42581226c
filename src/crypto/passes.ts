/**
 * Runs a synchronous judgement whose signatures are checked by somebody who answers later.
 *
 *     run ──> checks nobody answered yet, guessed ──> all of them asked at once ──> run again ──> …
 *
 * A run counts only if it met no guess, so what comes out is what the run makes of true answers. Guesses are *yes* and *no* in turn: yes
 * leads down every chain of signatures at once, no through every search for one that holds. What is honest is settled in the second pass
 * but for a few; whoever makes more work than that meets a bound, and the portable arithmetic answers what is left, at once.
 */
import { toHex } from '../base/bytes.ts'
import { type Arithmetic, type SignatureCheck, withArithmetic } from './arithmetic.ts'
import { framed, sha256 } from './hash.ts'

/** What a run asks for in vain at most. Many nodes with all their endorsements take a tenth of the checks and of the bytes. */
export const passLimits = { passesMax: 8, checksMax: 4_096, bytesMax: 16 * 1_024 * 1_024 } as const

export interface PassPorts {
  /** Whether a signature holds; `undefined` if there is no such algorithm. Reads the check before it returns. */
  readonly verify: (check: SignatureCheck) => Promise<boolean | undefined>
  readonly loadPortable: () => Promise<Arithmetic>
}

/** What `run` makes. @throws what `run` throws, and what keeps the portable arithmetic from being loaded. */
export async function inPasses<T>(run: () => T, ports: PassPorts): Promise<T> {
  const answers = new Answers(ports.verify)
  for (let number = 0; number < passLimits.passesMax && !answers.isEnough; number++) {
    const pass = new Pass(answers, number % 2 === 0)
    const made = outcomeOf(() => withArithmetic(pass, run))
    if (pass.isCertain) return made()
    await answers.arrived()
  }
  const portable = await ports.loadPortable()
  const holds = (check: SignatureCheck): boolean => answers.to(check) ?? portable.holds(check)
  return withArithmetic({ holds, isCertain: true }, run)
}

/** What `run` returned or threw, for whoever wants to know. */
function outcomeOf<T>(run: () => T): () => T {
  try {
    const made = run()
    return () => made
  } catch (error) {
    // A run on guesses may break any invariant; it is thrown if it was none.
    return () => {
      throw error
    }
  }
}

/** One run: what is not answered yet is asked, and guessed. */
class Pass implements Arithmetic {
  readonly #answers: Answers
  readonly #guess: boolean
  isCertain = true

  constructor(answers: Answers, guess: boolean) {
    this.#answers = answers
    this.#guess = guess
  }

  holds(check: SignatureCheck): boolean {
    const answer = this.#answers.to(check)
    if (answer === undefined) this.isCertain = false
    return answer ?? this.#guess
  }
}

/** Answers by all that was asked, of one judgement and gone with it. */
class Answers {
  readonly #verify: PassPorts['verify']
  readonly #known = new Map<string, boolean>()
  readonly #asked = new Map<string, Promise<boolean | undefined>>()
  #bytes = 0
  /** Whether nothing more is to be asked for. */
  isEnough = false

  constructor(verify: PassPorts['verify']) {
    this.#verify = verify
  }

  /** The answer, or `undefined`: then it is asked for. */
  to(check: SignatureCheck): boolean | undefined {
    const name = nameOf(check)
    const known = this.#known.get(name)
    if (known === undefined && !this.isEnough && !this.#asked.has(name)) this.#ask(name, check)
    return known
  }

  /** When all that was asked is answered. */
  async arrived(): Promise<void> {
    const asked = [...this.#asked]
    this.#asked.clear()
    const held = await Promise.all(asked.map(([, answer]) => answer))
    for (const [i, [name]] of asked.entries()) {
      const answer = held[i]
      if (answer === undefined) this.isEnough = true
      else this.#known.set(name, answer)
    }
  }

  #ask(name: string, check: SignatureCheck): void {
    const count = this.#known.size + this.#asked.size
    this.#bytes += check.message.length
    if (count >= passLimits.checksMax || this.#bytes > passLimits.bytesMax) this.isEnough = true
    else this.#asked.set(name, this.#verify(check))
  }
}

/** All of a check in one name: no two checks share an answer. */
function nameOf(check: SignatureCheck): string {
  const { message, signature } = check
  switch (check.kind) {
    case 'ed25519':
      return named([check.kind], check.publicKey, message, signature)
    case 'ecdsa': {
      const { curve, hash, format } = check
      return named([check.kind, curve, hash, format], check.publicKey, message, signature)
    }
    case 'rsa-pss':
      return named([check.kind], check.modulus, message, signature)
  }
}

function named(words: readonly string[], ...parts: readonly Uint8Array[]): string {
  return toHex(sha256(framed(words.join(' '), ...parts)))
}
