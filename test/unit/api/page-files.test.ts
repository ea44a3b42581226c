/** The page for people: its own files and no others, behind the door and under a strict policy. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readPage, verifyPageFacts } from '../../../src/api/page-files.ts'
import { raw, served } from './served.ts'

const policyOfScript = `sha256-${'A'.repeat(43)}=`
const verifyPage = `<meta content="script-src '${policyOfScript}'">`

async function builtPage() {
  return readPage(await builtDir())
}

async function builtDir() {
  const dir = await mkdtemp(join(tmpdir(), 'coterie-page-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  await writeFile(join(dir, 'index.html'), '<!doctype html><title>page</title>')
  await writeFile(join(dir, 'main-1a2b.js'), 'export {}')
  await writeFile(join(dir, 'main-1a2b.css'), 'p {}')
  await writeFile(join(dir, 'verify.html'), verifyPage)
  await writeFile(join(dir, 'stamp'), 'secret of the build')
  return dir
}

test('the page is the same for everybody, token or not, testnet or not', async () => {
  for (const opensToHost of [true, false]) {
    const { url } = await served({ opensToHost, page: await builtPage() })
    const { status, headers, text } = await raw(url, 'GET', '/')
    expect([status, text]).toEqual([200, '<!doctype html><title>page</title>'])
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect((await raw(url, 'GET', '/page/main-1a2b.js')).headers['content-type']).toMatch(
      /javascript/,
    )
    expect((await raw(url, 'GET', '/page/main-1a2b.css')).status).toBe(200)
  }
})

test('the page that verifies has a place of its own, and but for framing only the policy that it brings along', async () => {
  for (const opensToHost of [true, false]) {
    const { url } = await served({ opensToHost, page: await builtPage() })
    const { status, headers, text } = await raw(url, 'GET', '/verify')
    expect([status, text]).toEqual([200, verifyPage])
    expect(headers['content-security-policy']).toBe("frame-ancestors 'none'")
    expect((await raw(url, 'GET', '/page/verify.html')).status).toBe(404)
  }
})

test('the page that verifies is told from others by its hash and by that of its script', async () => {
  const sha256 = createHash('sha256').update(verifyPage).digest('hex')
  const dir = await builtDir()
  expect(verifyPageFacts(dir)).toEqual({ sha256, script: policyOfScript })
  await writeFile(join(dir, 'verify.html'), 'no policy')
  expect(verifyPageFacts(dir)).toBeNull()
  expect(verifyPageFacts(join(dir, 'nowhere'))).toBeNull()
})

test('nothing beside the files of the page is served, by whatever name', async () => {
  const { url } = await served({ page: await builtPage() })
  const names = ['stamp', 'index.html', '', '../package.json', '%2e%2e%2fpackage.json', 'main.js']
  for (const name of names) {
    const { status } = await raw(url, 'GET', `/page/${name}`)
    expect(status, name).toBe(404)
  }
})

test('its policy lets in own files alone, and on a testnet the desk', async () => {
  const desk = 'http://127.0.0.1:9500'
  for (const opensToHost of [true, false]) {
    const { url } = await served({ opensToHost, desk, page: await builtPage() })
    const { headers } = await raw(url, 'GET', '/')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).not.toMatch(/unsafe|\*/)
    expect(policy.includes(desk)).toBe(opensToHost)
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' })
  }
})

test('a foreign host name gets no page either', async () => {
  const { url } = await served({ page: await builtPage() })
  const { status } = await raw(url, 'GET', '/', { headers: { host: 'evil.example' } })
  expect(status).toBe(421)
})

test('a checkout without a built page says what to do', async () => {
  const { url } = await served()
  const { status, json } = await raw(url, 'GET', '/')
  expect([status, json.error.code]).toEqual([503, 'PAGE_NOT_BUILT'])
  expect(json.error.next).toContain('npm run page')
})
