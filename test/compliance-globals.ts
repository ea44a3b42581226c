// libp2p's compliance suites are written for mocha: they find its names here.
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest'

Object.assign(globalThis, {
  before: beforeAll,
  after: afterAll,
  beforeEach,
  afterEach,
  describe,
  it,
})
