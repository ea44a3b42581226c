/** The last question before a signature, or another act that nobody takes back. */
import { createInterface } from 'node:readline/promises'
import { UsageError } from '../base/errors.ts'

/**
 * Has the person at the terminal type the beginning of a hash, so that nobody approves by leaning on a key.
 *
 * @throws {UsageError} `NOT_CONFIRMED`, also if nobody is there.
 */
export async function confirmHash(hash: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new UsageError('NOT_CONFIRMED', 'Nobody is there to confirm the hash.', {
      next: 'Compare the hash with the one that the other members see, then add --yes.',
    })
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const typed = await lines.question('Type the first 8 digits of the hash to go on: ')
    if (typed.trim() === hash.slice(0, 8)) return
  } finally {
    lines.close()
  }
  throw new UsageError('NOT_CONFIRMED', 'The digits are not those of the hash; nothing was done.')
}
