/**
 * What the container files promise, lived: the start script of the image runs a node and its door under the restrictions of compose.json, in
 * namespaces that bubblewrap makes, and the script for a single TEE goes through a whole ceremony inside.
 *
 * Of the restrictions those on memory and processors are the container engine's alone.
 */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../fixtures/command-line.ts'
import { composeText, parseCompose, type Service } from '../fixtures/container-files.ts'
import { absenceOf, programAt, skipsWithout } from '../fixtures/programs.ts'

const tools = ['bwrap', 'curl', 'jq', 'npm', 'pgrep', 'setpriv']
const isSkipped = skipsWithout(tools)
const absence = absenceOf(tools)
const top = fileURLToPath(new URL('../../', import.meta.url))

/** Files of the folder that `prepare.ts` made, as the compose file mounts them. */
const sourceOf = (source: string, folder: string): string => source.replace(/^\$\{.*\}/, folder)

/**
 * Who runs inside. Root becomes that user for good, as in a container; whoever else runs this test is that user in a namespace of users.
 */
function userOf({ user = '', cap_drop = [] }: Service): {
  readonly flags: string[]
  readonly become: string[]
} {
  const [, uid = '', gid = ''] = /:-(\d+):(\d+)\}$/.exec(user) ?? []
  const dropped = cap_drop.flatMap(name => ['--cap-drop', name])
  if (process.getuid?.() !== 0) {
    return { flags: ['--unshare-user', '--uid', uid, '--gid', gid, ...dropped], become: [] }
  }
  const needed = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap(name => ['--cap-add', name])
  const left = dropped.length === 0 ? [] : ['--bounding-set', '-all', '--inh-caps', '-all']
  return {
    flags: [...dropped, ...(dropped.length === 0 ? [] : needed)],
    become: ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', ...left],
  }
}

/** What compose.json says of a service, as bubblewrap says it; then the command. */
function sandboxOf(service: Service, folder: string): readonly string[] {
  const { flags, become } = userOf(service)
  const npm = dirname(dirname(realpathSync(programAt('npm') ?? '')))
  const own = ['package.json', 'src', 'testnet', 'node_modules']
  return [
    ...['ipc', 'pid', 'net', 'uts', 'cgroup-try'].map(name => `--unshare-${name}`),
    ...[...flags, '--die-with-parent', '--new-session', '--clearenv'],
    ...['--setenv', 'PATH', '/app/node_modules/.bin:/opt/bin:/usr/bin:/bin'],
    ...['--ro-bind', '/usr', '/usr', '--proc', '/proc', '--dev', '/dev'],
    ...['bin', 'lib', 'lib64'].flatMap(name => ['--symlink', `usr/${name}`, `/${name}`]),
    ...['/app', '/app/scripts', '/run', '/run/coterie', '/opt'].flatMap(path => {
      return ['--perms', '0755', '--dir', path]
    }),
    ...own.flatMap(name => ['--ro-bind', realpathSync(join(top, name)), `/app/${name}`]),
    ...['--ro-bind', join(top, 'testnet/container/start-services.sh')],
    '/app/scripts/start-services.sh',
    ...service.volumes.flatMap(({ source, target }) => {
      return ['--ro-bind', sourceOf(source, folder), target]
    }),
    ...['--ro-bind', npm, '/opt/npm', '--ro-bind', join(folder, 'check'), '/opt/bin'],
    ...service.tmpfs.flatMap(mount => ['--perms', '1777', '--tmpfs', mount.split(':')[0] ?? '']),
    ...(service.read_only === true ? ['--remount-ro', '/'] : []),
    ...['--chdir', '/app', ...become, '/opt/bin/check', ...service.command],
  ]
}

/** Runs inside, beside the command of the service: what it may not do, what the processes may, the ceremony, the stop. */
const check = `#!/bin/bash
set -u
"$@" >/tmp/services.log 2>&1 &
services=$!
for ((i = 0; i < 600; i++)); do
  curl -s -f -o /dev/null http://127.0.0.1:8080/readyz && break
  kill -0 "$services" 2>/dev/null || break
  sleep 0.1
done
curl -s -f -o /dev/null http://127.0.0.1:8080/readyz || { tail -n 20 /tmp/services.log >&2; exit 1; }
for path in /app/x /app/src/x /app/scripts/start-services.sh /usr/bin/x /run/coterie/machine.json /x; do
  (: >>"$path") 2>/dev/null && echo "WROTE $path"
done
(: >/data/x) && (: >/tmp/x) && echo 'SCRATCH yes'
for pid in $services $(pgrep -P "$services"); do
  echo "PROCESS $(tr '\\0' ' ' <"/proc/$pid/cmdline")| $(grep -E '^(Uid|CapInh|CapPrm|CapEff|CapBnd|NoNewPrivs):' "/proc/$pid/status" | tr -s '\\t\\n' ' ')"
done
echo "LINKS $(ls /sys/class/net 2>/dev/null || tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')"
timeout 5 bash -c ': </dev/tcp/192.0.2.1/80' 2>/dev/null && echo 'REACHED outside'
echo "HOMELESS $(node src/cli/main.ts status 2>&1 | grep -o '[A-Z_]*HOME[A-Z_]*' | head -n 1)"
echo "HOSTS $(curl -s -o /dev/null -w '%{http_code}' -H 'Host: tee1:8080' http://127.0.0.1:8080/health)"
export BASE_PORT=8080 COTERIE_TESTNET=/run/coterie HOME=/tmp
/app/testnet/test_complete_tee_flow.sh >/tmp/flow.log 2>&1
echo "FLOW $? $(tail -n 1 /tmp/flow.log)"
kill -TERM "$services"
wait "$services"
echo "STOPPED $?"
"$@" >/tmp/services.log 2>&1 &
services=$!
until pgrep -P "$services" -f door.ts >/tmp/door; do kill -0 "$services" || break; sleep 0.1; done
kill -KILL "$(cat /tmp/door)"
wait "$services"
echo "WITHOUT A DOOR $?"
[ -z "$(pgrep -f 'main.ts start|door.ts')" ] && echo 'LEFT nothing'
tail -n 3 /tmp/services.log >&2
`

test.skipIf(isSkipped)(
  `the image's start script runs a node that nobody but its host reaches, that may write nothing and become nobody, through a ceremony to its stop${absence}`,
  async () => {
    const folder = temporaryFolder()
    execFileSync(process.execPath, ['testnet/container/prepare.ts', folder], { cwd: top })
    const [service] = Object.values(parseCompose(composeText()).services)
    if (service === undefined) throw new Error('there are services')
    mkdirSync(join(folder, 'check'))
    chmodSync(join(folder, 'check'), 0o755)
    const programs = { check, npm: '#!/bin/bash\nexec node /opt/npm/bin/npm-cli.js "$@"\n' }
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(folder, 'check', name), text)
      chmodSync(join(folder, 'check', name), 0o755)
    }
    const { code, out, err } = await run('bwrap', sandboxOf(service, folder))
    const lines = out.trim().split('\n')
    const of = (word: string) =>
      lines.filter(line => line.startsWith(`${word} `)).map(line => line.slice(word.length + 1))
    expect([of('FLOW'), err]).toEqual([['0 All steps held.'], expect.any(String)])
    expect(of('WROTE')).toEqual([])
    expect(of('REACHED')).toEqual([])
    expect([of('SCRATCH'), of('LINKS'), of('HOSTS')]).toEqual([['yes'], ['lo'], ['421']])
    expect(of('HOMELESS')).toEqual(['NO_HOME'])
    const processes = of('PROCESS')
    expect(
      processes.map(line => /(start-services\.sh|main\.ts start|door\.ts)/.exec(line)?.[1]),
    ).toEqual(['start-services.sh', 'main.ts start', 'door.ts'])
    for (const line of processes) {
      const none = '0000000000000000'
      expect(line).toMatch(
        new RegExp(
          `\\| Uid: 10001 10001 10001 10001 CapInh: ${none} CapPrm: ${none} CapEff: ${none} CapBnd: ${none} NoNewPrivs: 1`,
        ),
      )
    }
    expect([of('STOPPED'), of('WITHOUT A DOOR')]).toEqual([['0'], ['137']])
    expect([of('LEFT'), code]).toEqual([['nothing'], 0])
  },
)

test.skipIf(isSkipped)(
  `without what it is given the start script says what to do${absence}`,
  async () => {
    const script = join(top, 'testnet/container/start-services.sh')
    const { code, err } = await run('bash', [script])
    expect([code, err]).toEqual([78, expect.stringContaining('testnet/container/prepare.ts')])
  },
)

function run(
  command: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', data => {
    out += data
  })
  child.stderr.on('data', data => {
    err += data
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, out, err }))
  })
}
