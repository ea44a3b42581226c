/** The examples of the documentation, run against real nodes. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { active, clientOf, dataDir, started } from '../fixtures/node-process.ts'
import { top } from '../law/tree.ts'

const run = promisify(execFile)
const example = (name: string): string => `${top}docs/examples/${name}`

async function node(): Promise<string> {
  const data = await dataDir('testnet')
  const { http } = await started(data).ready
  await active(clientOf(http, data))
  return http
}

test('the library example starts a node, and sets, gets, watches and counts', async () => {
  const data = await dataDir('testnet')
  const source = '--conditions=coterie-source'
  const { stdout } = await run(process.execPath, [source, example('library.ts'), data])
  expect(stdout).toBe('get hello\nwatch greetings/en\ncounter 5\n')
})

test('the curl example sets, gets, watches and counts', async () => {
  const { stdout } = await run('sh', [example('state.sh'), await node()])
  expect(stdout).toContain('"value":{"text":"hello"}')
  expect(stdout).toMatch(/^watch data: .*"key":"greetings\/sh".*again/m)
  expect(stdout).toMatch(/^counter .*"value":"?5"?/m)
})

test('the Python example sets, gets, watches and counts', async () => {
  const { stdout } = await run('python3', [example('state.py'), await node()])
  expect(stdout).toBe('get hello\nwatch greetings/py\ncounter 5\n')
})
