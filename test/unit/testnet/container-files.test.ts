/** The container files promise little to whoever breaks out of a node; each promise is taken out once, and missed. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  type Compose,
  composeText,
  dockerfileText,
  imageOffences,
  parseCompose,
  type Service,
  serviceOffences,
} from '../../fixtures/container-files.ts'

const services = (compose: Compose): readonly Service[] => Object.values(compose.services)

test('three services stand where the documents of TEE instances have them, and keep to every restriction', () => {
  const compose = parseCompose(composeText())
  expect(services(compose).map(service => service.ports)).toEqual([
    ['127.0.0.1:9000:8080'],
    ['127.0.0.1:9001:8080'],
    ['127.0.0.1:9002:8080'],
  ])
  expect(Object.values(compose.networks).map(({ name }) => name)).toEqual(['docker_renclave-net'])
  for (const [i, service] of services(compose).entries()) {
    expect(serviceOffences(service)).toEqual([])
    expect(service).toMatchObject({
      image: 'docker-renclave-v2',
      // Each names the build: an image that is not there yet would be looked for in a registry.
      build: { context: '../..', dockerfile: 'testnet/container/Dockerfile' },
      container_name: `renclave-v2-tee${i + 1}`,
      command: ['/app/scripts/start-services.sh'],
    })
    expect(service.volumes.filter(({ source }) => source.includes('/nodes/'))).toHaveLength(2)
    for (const { source } of service.volumes) {
      expect(source.includes('/nodes/') ? source : `/nodes/node-${i}/`).toContain(`/node-${i}/`)
    }
  }
  const addresses = services(compose).flatMap(({ networks }) =>
    Object.values(networks).map(({ ipv4_address }) => ipv4_address),
  )
  expect(new Set(addresses).size).toBe(3)
})

type Change = (service: Service) => object

test.each<readonly [string, Change]>([
  ['runs as root', ({ user: _, ...rest }) => rest],
  ['runs as root', service => ({ ...service, user: '0:0' })],
  ['runs as root', service => ({ ...service, user: '$' + '{COTERIE_USER:-0}' })],
  ['may write to its root', ({ read_only: _, ...rest }) => rest],
  ['keeps capabilities', ({ cap_drop: _, ...rest }) => rest],
  ['keeps capabilities', service => ({ ...service, cap_drop: ['NET_RAW'] })],
  ['may gain privileges', ({ security_opt: _, ...rest }) => rest],
  ['may gain privileges', service => ({ ...service, security_opt: ['seccomp:unconfined'] })],
  ['starts any number of processes', ({ pids_limit: _, ...rest }) => rest],
  ['takes all memory', ({ mem_limit: _, ...rest }) => rest],
  ['takes all swap', ({ memswap_limit: _, ...rest }) => rest],
  ['takes all processors', ({ cpus: _, ...rest }) => rest],
  ['writes what may be run', service => ({ ...service, tmpfs: ['/tmp'] })],
  ['is published beyond loopback', service => ({ ...service, ports: ['9000:8080'] })],
  [
    'may change what it is given',
    service => ({
      ...service,
      volumes: service.volumes.map(({ read_only: _, ...mount }) => mount),
    }),
  ],
  [
    'is given more',
    service => ({
      ...service,
      volumes: [
        { type: 'bind', source: '/var/run/docker.sock', target: '/x', read_only: true },
        ...service.volumes,
      ],
    }),
  ],
])('a service that %s is found', (offence, change) => {
  const [first] = services(parseCompose(composeText()))
  if (first === undefined) throw new Error('there are services')
  const { services: found } = parseCompose(
    JSON.stringify({ name: 'x', networks: {}, services: { a: change(first) } }),
  )
  expect(found['a'] && serviceOffences(found['a']).join()).toContain(offence)
})

test.each(['privileged', 'cap_add', 'devices', 'environment', 'env_file', 'network_mode', 'pid'])(
  'a service with %s does not parse',
  key => {
    const compose = JSON.parse(composeText())
    compose.services.tee1[key] = true
    expect(() => parseCompose(JSON.stringify(compose))).toThrow(key)
  },
)

test.each<readonly [string, string | RegExp, string]>([
  ['runs as root', /^USER .*$/m, ''],
  ['runs as root', /^USER .*$/m, 'USER root'],
  ['tells nobody', /^HEALTHCHECK (.*\n)*?.*CMD.*$/m, ''],
  ['follows whatever is newest', 'debian:bookworm-slim', 'debian'],
  ['follows whatever is newest', 'debian:bookworm-slim', 'debian:latest'],
  ['takes packages', 'npm ci', 'npm install'],
  ['runs scripts of packages', 'npm ci --ignore-scripts', 'npm ci'],
  ['has a secret', 'ENV PATH=', 'ENV COTERIE_TOKEN=abc\nENV PATH='],
  ['copies all', 'COPY src src', 'COPY . .'],
])('an image that %s is found (%s)', (offence, from, to) => {
  const text = dockerfileText()
  expect(imageOffences(text)).toEqual([])
  const changed = text.replace(from, to)
  expect(changed).not.toBe(text)
  expect(imageOffences(changed).join()).toContain(offence)
})

test('a build sees nothing but what it copies: keys that lie in a checkout stay there', () => {
  const lines = readFileSync('.dockerignore', 'utf8').split('\n')
  const rules = lines.filter(line => line !== '' && !line.startsWith('#'))
  expect(rules[0]).toBe('*')
  expect(rules.filter(rule => /coterie$|key|\.git|dist|node_modules/.test(rule))).toEqual([])
})
