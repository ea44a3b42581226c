import { expect, test } from 'vitest'
import { canonicalJson } from '../../../src/attestation/canonical-json.ts'

test('the example of RFC 8785 §3.2.2 has the spelling of §3.2.3', () => {
  const input: object = JSON.parse(
    String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
  )
  expect(canonicalJson(input)).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  )
})

test('keys sort by UTF-16 units, as RFC 8785 §3.2.3 shows', () => {
  const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
  const input = Object.fromEntries(keys.map(key => [key, 0]))
  const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33']
  expect(Object.keys(JSON.parse(canonicalJson(input)) as object).sort()).toEqual([...sorted].sort())
  const places = sorted.map(key => canonicalJson(input).indexOf(JSON.stringify(key)))
  expect(places).toEqual([...places].sort((left, right) => left - right))
})
