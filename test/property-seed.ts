import fc from 'fast-check'

/**
 * Every run draws the same cases for the laws, so that what changed decides whether a run passes, and not luck.
 * `npm run test:properties` draws anew each time: what it finds is printed with its seed and path, and becomes an
 * example of its own beside the law. `PROPERTY_SEED=n` draws from n.
 */
const chosen = process.env['PROPERTY_SEED'] ?? '1'
if (chosen !== 'random') {
  const seed = Number(chosen)
  if (!Number.isInteger(seed)) throw new Error('PROPERTY_SEED is a whole number, or random')
  fc.configureGlobal({ seed })
}
