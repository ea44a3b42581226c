/**
 * Few copies of each message, without trusting anybody's word on who is connected to whom.
 *
 * An author hands its message to all its neighbours; whoever gets one passes it on through the mesh, so at
 * first copies meet. A receiver that gets an author's messages by a shorter way then *chokes* that author
 * at the neighbours whose copies come second: they go on telling it the names of those messages (IHAVE) and
 * keep the rest to themselves. When a name is news after all, the way that was shorter is broken: the
 * message is fetched, and the neighbour that had it is asked to pass that author's messages on again.
 *
 * This is the eager and lazy push of Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007, "Epidemic Broadcast
 * Trees") with a tree for each author. Differs from it: because the author's own link is preferred to
 * whichever copy came first, a full mesh ends with no forwarding at all; and because a neighbour may be
 * broken, two ways are kept to an author that is no neighbour, and one that helped out is kept for a while.
 *
 * A choke binds only what the neighbour sends to the choker. Nobody can silence an author for others.
 */
import { BoundedMap } from '../../base/bounded-map.ts'
import { keyOfNodeId, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import {
  after,
  between,
  type Clock,
  type Instant,
  milliseconds,
  minutes,
  seconds,
} from '../../base/time.ts'
import { type Choke, chokedAuthorsMax } from '../../wire/choke.ts'
import type { Timers } from '../port.ts'

/** What the table stands on. */
export interface ChokesDeps {
  readonly clock: Clock
  readonly timers: Timers
  /** Says it to a neighbour. What is lost on the way is said again when it is needed again. */
  tell(node: NodeId, choke: Choke): void
}

/** How a neighbour wants the messages of an author: by name only, always, or as the mesh decides. */
export type Standing = 'choked' | 'wanted' | 'meshed'

interface Asked {
  readonly standing: 'choked' | 'wanted'
  readonly at: Instant
  readonly until: Instant
}

interface Heard {
  readonly author: NodeId
  readonly at: Instant
  /** Whose copies came, in order. */
  readonly senders: NodeId[]
  /** Whether the author's own copy came first or soon after. */
  isDirect: boolean
}

/** A choke ends by itself, so that a forgotten one does no harm; each end costs one copy. */
const chokeLife = minutes(5)
/** How long a neighbour that helped out goes on passing an author's messages on. */
const wantedLife = minutes(1)
/** How long at least, once the author's own copies come first again. */
const wantedAtLeast = seconds(10)
/** Copies that still come this long after a choke were not under way: it was lost, and is said again. */
const sayAgain = seconds(30)
/** An author's own copy that comes later than this after another's is no shorter way. */
const lateMax = milliseconds(250)
/** A copy that crosses a choke on the way is none that helped out. */
const crossing = seconds(1)
/** Ways that are kept to an author that is no neighbour. */
const suppliersMax = 2
/** Messages whose copies are compared: some seconds of the densest traffic. */
const heardMax = 4096
/** Authors with a standing, per neighbour and direction: more than members of any network so far. */
const authorsMax = 512
/** Neighbours with standings: more than a node keeps connections. What one says as it leaves may come after its end. */
const neighboursMax = 1024
/** Copies of one message that are looked at. */
const sendersMax = 32
/** Chokes of one moment share a frame. */
const tellWait = milliseconds(50)
/** A message younger than this may be on its way to everybody: its name is no news yet. */
const nameAge = milliseconds(300)

type Standings = BoundedMap<NodeId, Asked>
type Neighbours = BoundedMap<NodeId, Standings>

/** Who passes whose messages on, in both directions. */
export class Chokes {
  readonly #deps: ChokesDeps
  readonly #heard = new BoundedMap<string, Heard>(heardMax)
  /** By which neighbour an author's messages come. */
  readonly #suppliers = new BoundedMap<NodeId, NodeId>(authorsMax)
  /** What this node asked of its neighbours. */
  readonly #mine: Neighbours = new BoundedMap(neighboursMax)
  /** What the neighbours asked of this node. */
  readonly #theirs: Neighbours = new BoundedMap(neighboursMax)
  readonly #unsaid = new Map<NodeId, Map<NodeId, 'choked' | 'wanted'>>()
  #cancelSaying: (() => void) | undefined

  constructor(deps: ChokesDeps) {
    this.#deps = deps
  }

  stop(): void {
    this.#cancelSaying?.()
    this.#unsaid.clear()
  }

  /** The first copy of a message came, and it was good. `isMeshed`: this neighbour pushes without being asked. */
  accepted(
    id: string,
    { author, from, isMeshed }: { author: NodeId; from: NodeId; isMeshed: boolean },
  ): void {
    const at = this.#deps.clock.monotonic()
    const isDirect = from === author
    this.#heard.set(id, { author, at, senders: [from], isDirect })
    this.#suppliers.set(author, from)
    if (!isDirect && this.#helpedOut(from, author, isMeshed)) this.#ask(from, author, 'wanted')
  }

  /** Another copy came. */
  duplicate(id: string, from: NodeId): void {
    const heard = this.#heard.peek(id)
    if (heard === undefined || heard.senders.length >= sendersMax) return
    if (heard.senders.includes(from)) return
    heard.senders.push(from)
    const { author, at, senders } = heard
    if (from === author) {
      heard.isDirect = between(at, this.#deps.clock.monotonic()) <= lateMax
      if (!heard.isDirect) return
      this.#suppliers.set(author, author)
      for (const sender of senders) this.#choke(sender, heard)
    } else if (heard.isDirect || senders.length > suppliersMax) this.#choke(from, heard)
  }

  /** A neighbour says what it wants passed on. */
  told(from: NodeId, { choked, wanted }: Choke): void {
    for (const key of choked) this.#note(this.#theirs, from, nodeIdOfKey(key), 'choked')
    for (const key of wanted) this.#note(this.#theirs, from, nodeIdOfKey(key), 'wanted')
  }

  /** The link to a neighbour is gone: what came through it is asked of others. */
  lost(node: NodeId): void {
    this.#mine.delete(node)
    this.#theirs.delete(node)
    this.#unsaid.delete(node)
    for (const author of this.#suppliers.keys()) {
      if (this.#suppliers.peek(author) === node) this.#askOthers(author)
    }
  }

  /** How this neighbour wants the author's messages. */
  standing(node: NodeId, author: NodeId): Standing {
    return this.#standing(this.#theirs, node, author)?.standing ?? 'meshed'
  }

  /** Neighbours that want all of the author's messages. */
  wanting(author: NodeId): readonly NodeId[] {
    return [...this.#theirs.keys()].filter(node => this.standing(node, author) === 'wanted')
  }

  /** Whether this neighbour gets some messages by name only. */
  needsNames(node: NodeId): boolean {
    return this.#theirs.peek(node) !== undefined
  }

  /** Whether a message is old enough for its name to be news to whoever lacks it. */
  isNameable(id: string): boolean {
    const heard = this.#heard.peek(id)
    return heard === undefined || between(heard.at, this.#deps.clock.monotonic()) >= nameAge
  }

  /** A neighbour that was not to push this brought it first: it was fetched by name, for others failed. */
  #helpedOut(from: NodeId, author: NodeId, isMeshed: boolean): boolean {
    const asked = this.#standing(this.#mine, from, author)
    if (asked === undefined) return !isMeshed
    const age = between(asked.at, this.#deps.clock.monotonic())
    return asked.standing === 'choked' && age > crossing
  }

  #askOthers(author: NodeId): void {
    let asked = 0
    for (const node of [...this.#mine.keys()]) {
      if (this.#mine.peek(node)?.peek(author)?.standing !== 'choked') continue
      this.#ask(node, author, 'wanted')
      if (++asked === suppliersMax) return
    }
  }

  #choke(node: NodeId, { author, isDirect }: Heard): void {
    if (node === author) return
    const asked = this.#standing(this.#mine, node, author)
    if (asked !== undefined) {
      const age = between(asked.at, this.#deps.clock.monotonic())
      if (asked.standing === 'choked' && age < sayAgain) return
      if (asked.standing === 'wanted' && (age < wantedAtLeast || !isDirect)) return
    }
    this.#ask(node, author, 'choked')
  }

  #ask(node: NodeId, author: NodeId, standing: 'choked' | 'wanted'): void {
    this.#note(this.#mine, node, author, standing)
    const unsaid = this.#unsaid.get(node) ?? new Map<NodeId, 'choked' | 'wanted'>()
    this.#unsaid.set(node, unsaid.set(author, standing))
    this.#cancelSaying ??= this.#deps.timers.after(tellWait, () => this.#say())
  }

  #say(): void {
    this.#cancelSaying = undefined
    const unsaid = [...this.#unsaid]
    this.#unsaid.clear()
    for (const [node, asked] of unsaid) {
      const authors = [...asked]
      for (let i = 0; i < authors.length; i += chokedAuthorsMax) {
        const some = authors.slice(i, i + chokedAuthorsMax)
        const keysOf = (kind: 'choked' | 'wanted'): Uint8Array[] =>
          some.filter(([, standing]) => standing === kind).map(([author]) => keyOfNodeId(author))
        this.#deps.tell(node, { choked: keysOf('choked'), wanted: keysOf('wanted') })
      }
    }
  }

  #note(table: Neighbours, node: NodeId, author: NodeId, standing: 'choked' | 'wanted'): void {
    const at = this.#deps.clock.monotonic()
    const until = after(at, standing === 'choked' ? chokeLife : wantedLife)
    const standings = table.get(node) ?? new BoundedMap<NodeId, Asked>(authorsMax)
    standings.set(author, { standing, at, until })
    table.set(node, standings)
  }

  #standing(table: Neighbours, node: NodeId, author: NodeId): Asked | undefined {
    const asked = table.get(node)?.peek(author)
    return asked !== undefined && asked.until > this.#deps.clock.monotonic() ? asked : undefined
  }
}
