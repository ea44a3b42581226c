import { useEffect, useReducer, useState } from 'preact/hooks'
import { EventsCard, RefusalsCard } from './chronicle.tsx'
import { FaultsCard } from './faults.tsx'
import { LatencyCards, RatesCard } from './figures.tsx'
import { Heading, SimulatedBanner, Tiles } from './heading.tsx'
import { HeartbeatsCard } from './heartbeats.tsx'
import { Lock } from './lock.tsx'
import { MembersCard } from './members.tsx'
import { nothingWatched, told, type Watched } from './model.ts'
import { watchDesk, watchNode } from './stream.ts'
import { TopologyCard } from './topology.tsx'

export function App() {
  const [watched, tell] = useReducer(told, nothingWatched)
  const [token, setToken] = useState('')
  const [tries, setTries] = useState(0)
  useEffect(() => {
    const leaving = new AbortController()
    void watchNode(tell, { token, signal: leaving.signal })
    return () => leaving.abort()
  }, [token, tries])
  const desk = watched.look?.desk ?? null
  useEffect(() => {
    if (desk === null) return
    const leaving = new AbortController()
    void watchDesk(tell, { desk, signal: leaving.signal })
    return () => leaving.abort()
  }, [desk])
  const open = (given: string): void => {
    setToken(given)
    // The same token again is another try.
    setTries(tries + 1)
  }
  if (watched.connection === 'locked') return <Lock why={watched.lockedBy} open={open} />
  return <Dashboard watched={watched} />
}

function Dashboard({ watched }: { readonly watched: Watched }) {
  const { look } = watched
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header>
        {look?.status.tee === 'simulated' && <SimulatedBanner />}
        <Heading watched={watched} />
      </header>
      <main id="content" tabIndex={-1}>
        {look === null ? (
          <p class="waiting" role="status">
            Waiting for the node …
          </p>
        ) : (
          <>
            <Tiles watched={watched} look={look} />
            <div class={look.desk === null ? 'grid' : 'grid with-faults'}>
              <TopologyCard watched={watched} />
              <MembersCard watched={watched} />
              {look.desk !== null && <FaultsCard watched={watched} desk={look.desk} />}
              <HeartbeatsCard watched={watched} look={look} />
              <RatesCard watched={watched} look={look} />
              <LatencyCards watched={watched} look={look} />
              <RefusalsCard watched={watched} />
              <EventsCard watched={watched} />
            </div>
          </>
        )}
      </main>
    </>
  )
}
