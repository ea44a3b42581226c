// The libp2p compliance suites import `expect` from `aegir/chai` and nothing else of that toolchain.
// This is that one thing: chai, with its property assertions callable and `equalBytes` added.
import * as chai from 'chai'

chai.use(({ Assertion }, { flag }) => {
  for (const name of ['ok', 'true', 'false', 'null', 'undefined', 'exist', 'empty']) {
    const { get } = Object.getOwnPropertyDescriptor(Assertion.prototype, name)
    Object.defineProperty(Assertion.prototype, name, {
      configurable: true,
      get() {
        const result = get.call(this)
        return Object.assign(() => result, { __proto__: result })
      },
    })
  }
  Assertion.addMethod('equalBytes', function (expected) {
    this.assert(
      Buffer.compare(Buffer.from(flag(this, 'object')), Buffer.from(expected)) === 0,
      'expected the bytes to be equal',
      'expected the bytes to differ',
    )
  })
})

export const expect = chai.expect
export const assert = chai.assert
