/** The page: takes questions from where it came from, answers them and says what the browser thought of it. */
import { withArithmetic } from '../../../src/crypto/arithmetic.ts'
import { portable } from '../../../src/crypto/portable.ts'
import { settled } from '../../../src/crypto/settled.ts'
import { type ArithmeticQuestion, answerArithmetic } from './arithmetic.ts'
import { answerEvidence, type EvidenceAnswer, type EvidenceQuestion } from './evidence.ts'
import { answerLight, type LightQuestion } from './light.ts'

/** What the page is sent. */
export interface Questions {
  readonly evidence: readonly EvidenceQuestion[]
  readonly arithmetic: readonly ArithmeticQuestion[]
  readonly light: readonly LightQuestion[]
}

/** What it sends back: an answer for each question, in their order. */
export interface Answers {
  readonly evidence: readonly EvidenceAnswer[]
  /** For each piece of evidence, of three looks at it: milliseconds by the page's clock. */
  readonly spans: readonly number[]
  readonly arithmetic: readonly string[]
  /** The same questions with time to settle. */
  readonly settled: readonly string[]
  readonly light: readonly (readonly string[])[]
  /** Checks that were asked of WebCrypto. */
  readonly subtleChecks: number
  /** Whether the browser gives WebCrypto to this origin. */
  readonly isSecure: boolean
  /** What the page's content security policy had to stop; at its end the page makes code of text on purpose. */
  readonly violations: readonly string[]
}

async function answer(): Promise<Answers> {
  const violations = new Violations()
  const questions: Questions = await (await fetch('/questions')).json()
  const spans: number[] = []
  const evidence = questions.evidence.map(question => {
    const began = performance.now()
    const answered = answerEvidence(question)
    spans.push(performance.now() - began)
    return answered
  })
  const arithmetic = withArithmetic(portable, () => questions.arithmetic.map(answerArithmetic))
  const isSecure = isSecureContext && crypto.subtle !== undefined
  const subtle = isSecure ? countChecks(crypto.subtle) : { checks: 0 }
  const later = await Promise.all(
    questions.arithmetic.map(each => settled(() => answerArithmetic(each))),
  )
  const light: (readonly string[])[] = []
  for (const question of questions.light) light.push(await answerLight(question))
  return {
    ...{ evidence, spans, arithmetic, settled: later, light, isSecure },
    subtleChecks: subtle.checks,
    violations: await violations.all(),
  }
}

/** Counts from now on. */
function countChecks(subtle: SubtleCrypto): { readonly checks: number } {
  const told = { checks: 0 }
  const verify = subtle.verify.bind(subtle)
  subtle.verify = (...asked) => {
    told.checks++
    return verify(...asked)
  }
  return told
}

/** What the browser had to stop. It says so later, in order: so one more is made on purpose, and waited for. */
class Violations {
  readonly #seen: string[] = []
  readonly #last = Promise.withResolvers<void>()

  constructor() {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      this.#seen.push(`${violatedDirective} ${blockedURI}`)
      if (blockedURI === 'eval') this.#last.resolve()
    })
  }

  async all(): Promise<readonly string[]> {
    try {
      new Function('return true')()
      this.#seen.push('code was made of text')
    } catch {
      // EvalError: forbidden, as it should be.
      await this.#last.promise
    }
    return this.#seen
  }
}

await fetch('/answers', { method: 'POST', body: JSON.stringify(await answer()) })
