import type { Look } from '../../api/look.ts'
import { Mark } from './card.tsx'
import type { Connection, Watched } from './model.ts'
import { agreement, nameOf, shortHash, shortId, spanText, type Tone, timeText } from './views.ts'

export function SimulatedBanner() {
  return (
    <p class="banner" role="note">
      <strong>SIMULATED TEE</strong> Nothing here is protected from this machine: a testnet to look
      at, not to trust.
    </p>
  )
}

const connections: Readonly<Record<Connection, readonly [tone: Tone, text: string]>> = {
  connecting: ['calm', 'connecting'],
  open: ['good', 'live'],
  lost: ['bad', 'no answer: asking again'],
  locked: ['warning', 'locked'],
}

export function Heading({ watched }: { readonly watched: Watched }) {
  const { look } = watched
  const [tone, text] = connections[watched.connection]
  return (
    <div class="heading">
      <h1>
        Coterie{' '}
        {look !== null && (
          <span class="network">{look.status.networkName || shortHash(look.status.network)}</span>
        )}
      </h1>
      {look !== null && (
        <p class="who">
          {nameOf(watched, look.status.node)}{' '}
          <code title={look.status.node}>{shortId(look.status.node)}</code> · {look.status.phase} ·
          up {spanText(look.status.uptimeSeconds)} · {look.status.version}
        </p>
      )}
      {/* What is shown here is this node's own word. */}
      <p class="elsewhere">
        <a href="/verify">Verify it</a>
      </p>
      <p class="connection" role="status">
        <Mark tone={tone}>{text}</Mark>
      </p>
      {look?.status.warnings.map(({ code, text: warning }) => (
        <p class="warned" key={code}>
          <strong>{code}</strong> {warning} {look.status.next}
        </p>
      ))}
    </div>
  )
}

type QuorumKey = Look['status']['quorumKey']

const keyWords: Readonly<Record<QuorumKey['phase'], readonly [tone: Tone, text: string]>> = {
  WaitingForBootInstruction: ['calm', 'none yet'],
  GenesisBooted: ['calm', 'being made'],
  WaitingForQuorumShards: ['warning', 'waits for shares'],
  WaitingForForwardedKey: ['warning', 'on its way'],
  QuorumKeyProvisioned: ['warning', 'here, not in use'],
  ApplicationReady: ['good', 'here'],
  UnrecoverableError: ['bad', 'lost here'],
}

function QuorumKeyTile({ phase, namespace, fingerprint, shares }: QuorumKey) {
  const [tone, text] = keyWords[phase]
  const count = shares === null ? '' : `${shares.have} of ${shares.need} shares`
  const name = namespace === null ? 'no ceremony yet' : `${namespace.name} ${namespace.nonce}`
  const detail = count || (fingerprint === null ? '' : shortHash(fingerprint))
  const note = detail === '' ? name : `${name}, ${detail}`
  return <Tile name="Quorum key" value={<Mark tone={tone}>{text}</Mark>} note={note} isText />
}

/** The figures that say whether all is well. */
export function Tiles({ watched, look }: { readonly watched: Watched; readonly look: Look }) {
  const { members, state, lease } = look.status
  const roots = agreement(watched)
  const rotation = watched.rotations.at(-1)
  const isLeased = lease.state === 'held'
  return (
    <dl class="tiles">
      <Tile
        name="Members"
        value={`${members.active}`}
        note={`active, ${members.live} alive of ${members.known}`}
      />
      <Tile
        name="Replicas"
        value={<Mark tone={roots.tone}>{roots.text}</Mark>}
        note={shortHash(state.root)}
        isText
      />
      <Tile name="Writes" value={state.writesPerSecond.toFixed(1)} note="a second, made here" />
      <Tile
        name="Deliveries"
        value={state.deliveriesPerSecond.toFixed(1)}
        note="a second, of others"
      />
      <Tile
        name="Traffic key"
        value={<code>{shortHash(rotation?.key ?? '')}</code>}
        note={rotationText(watched, rotation?.at)}
        isText
      />
      <Tile
        name="Policy lease"
        value={<Mark tone={isLeased ? 'good' : 'bad'}>{isLeased ? 'held' : 'isolated'}</Mark>}
        note={`${lease.citing} of ${lease.instances} machines heard this node`}
        isText
      />
      <QuorumKeyTile {...look.status.quorumKey} />
    </dl>
  )
}

function rotationText({ rotations }: Watched, at: string | undefined): string {
  const count = rotations.filter(({ isFirst }) => !isFirst).length
  if (at === undefined) return 'none held'
  return count === 0 ? 'no rotation seen yet' : `${count} rotated, last at ${timeText(at)}`
}

function Tile({
  name,
  value,
  note,
  isText = false,
}: {
  readonly name: string
  readonly value: preact.ComponentChildren
  readonly note: string
  readonly isText?: boolean
}) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd class={isText ? 'text' : 'figure'}>{value}</dd>
      <dd class="note">{note}</dd>
    </div>
  )
}
