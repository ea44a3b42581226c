import type { Core, ElementDefinition, StylesheetJson } from 'cytoscape'
import { useEffect, useRef } from 'preact/hooks'
import { Card, Mark, Scroll } from './card.tsx'
import type { Watched } from './model.ts'
import { colour, useScheme } from './theme.ts'
import { attestationRows, type Graph, graphOf, type Tone } from './views.ts'

/** Who is attested by whom: drawn, and in words for whoever does not see the drawing. */
export function TopologyCard({ watched }: { readonly watched: Watched }) {
  const graph = graphOf(watched)
  const aside = watched.desk === null ? 'as far as this node sees' : 'of the whole testnet'
  return (
    <Card id="topology" title="Who is attested by whom" aside={aside}>
      <Drawing graph={graph} />
      <ul class="legend">
        <li class="key-mutual">each appraised the other</li>
        <li class="key-one-way">one way only</li>
        <li class="key-by-word">on another's word</li>
      </ul>
      <details>
        <summary>The same as a table</summary>
        <AttestationTable graph={graph} />
      </details>
    </Card>
  )
}

const tones: Readonly<Record<string, Tone>> = {
  alive: 'good',
  suspect: 'warning',
  dead: 'bad',
  refused: 'bad',
}

function AttestationTable({ graph }: { readonly graph: Graph }) {
  return (
    <Scroll label="Table of attestations">
      <table>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">State</th>
            <th scope="col">Platform</th>
            <th scope="col">Attested by</th>
          </tr>
        </thead>
        <tbody>
          {attestationRows(graph).map(row => (
            <tr key={row.id} data-attested={row.name}>
              <th scope="row">{row.name}</th>
              <td>
                <Mark tone={tones[row.state] ?? 'calm'}>{row.state}</Mark>
              </td>
              <td>{row.platform}</td>
              <td>{row.by}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

function Drawing({ graph }: { readonly graph: Graph }) {
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<Core | null>(null)
  const newest = useRef(graph)
  newest.current = graph
  const scheme = useScheme()
  const shape = JSON.stringify(graph)
  useEffect(() => {
    let isGone = false
    // The largest part of the page, and the only one that nobody must wait for.
    void import('cytoscape').then(({ default: cytoscape }) => {
      if (isGone || place.current === null) return
      drawn.current = cytoscape({
        container: place.current,
        userZoomingEnabled: false,
        userPanningEnabled: false,
        boxSelectionEnabled: false,
        autoungrabify: true,
        autounselectify: true,
      })
      draw(drawn.current, newest.current)
    })
    const observer = new ResizeObserver(() => {
      if (drawn.current !== null) arrange(drawn.current)
    })
    if (place.current !== null) observer.observe(place.current)
    return () => {
      isGone = true
      observer.disconnect()
      drawn.current?.destroy()
      drawn.current = null
    }
  }, [])
  useEffect(() => {
    if (drawn.current !== null) draw(drawn.current, graph)
  }, [shape, scheme])
  const label = `A drawing of ${graph.nodes.length} nodes and ${graph.edges.length} attestations; the table below says the same.`
  return (
    <div class="topology" role="img" aria-label={label}>
      <div ref={place} aria-hidden="true" />
    </div>
  )
}

function draw(core: Core, graph: Graph): void {
  core.batch(() => {
    core.elements().remove()
    core.add(elementsOf(graph))
    core.style(styleOf(graph.nodes.length))
  })
  arrange(core)
}

/** Room for the names around the ring, in CSS pixels. */
const margin = { x: 84, y: 58 }

/** In a ring, always in the same order: a node that comes back is found where it was. Names stand outside. */
function arrange(core: Core): void {
  core.resize()
  const [width, height] = [core.width(), core.height()]
  const nodes = core.nodes()
  for (const [i, node] of nodes.toArray().entries()) {
    const angle = (2 * Math.PI * i) / nodes.length - Math.PI / 2
    const [x, y] = [Math.cos(angle), Math.sin(angle)]
    node.position({
      x: width / 2 + x * Math.max(0, width / 2 - margin.x),
      y: height / 2 + y * Math.max(0, height / 2 - margin.y),
    })
    const isSide = Math.abs(x) > 0.3
    node.style({
      'text-halign': !isSide ? 'center' : x > 0 ? 'right' : 'left',
      'text-valign': isSide ? 'center' : y > 0 ? 'bottom' : 'top',
      'text-margin-x': !isSide ? 0 : x > 0 ? 5 : -5,
      'text-margin-y': isSide ? 0 : y > 0 ? 5 : -5,
    })
  }
  core.viewport({ zoom: 1, pan: { x: 0, y: 0 } })
}

function elementsOf({ nodes, edges }: Graph): ElementDefinition[] {
  return [
    ...nodes.map(({ id, name, state, platform, self }) => ({
      data: { id, label: platform === '' || nodes.length > 12 ? name : `${name}\n${platform}` },
      classes: `${state}${self ? ' self' : ''}`,
    })),
    ...edges.map(({ from, to, kind }) => ({
      data: { id: `${from}>${to}`, source: from, target: to },
      classes: kind,
    })),
  ]
}

/** States differ in shape as well as in colour. */
function styleOf(count: number): StylesheetJson {
  const size = count > 12 ? 16 : 28
  return [
    {
      selector: 'node',
      style: {
        width: size,
        height: size,
        shape: 'round-rectangle',
        'background-color': colour('calm'),
        'border-width': 2,
        'border-color': colour('surface'),
        label: 'data(label)',
        'text-wrap': 'wrap',
        'font-size': count > 12 ? 11 : 13,
        'font-family': 'system-ui, sans-serif',
        color: colour('ink'),
      },
    },
    { selector: 'node.alive', style: { shape: 'ellipse', 'background-color': colour('good') } },
    {
      selector: 'node.suspect',
      style: { shape: 'diamond', 'background-color': colour('warning') },
    },
    { selector: 'node.dead', style: { shape: 'octagon', 'background-color': colour('bad') } },
    { selector: 'node.refused', style: { shape: 'vee', 'background-color': colour('bad') } },
    { selector: 'node.self', style: { 'border-width': 4, 'border-color': colour('accent') } },
    {
      selector: 'edge',
      style: {
        width: count > 12 ? 1 : 1.75,
        'line-color': colour('faint'),
        'line-opacity': count > 12 ? 0.35 : 0.7,
        'curve-style': 'straight',
      },
    },
    {
      selector: 'edge.one-way',
      style: {
        'line-style': 'dashed',
        'line-color': colour('warning'),
        'target-arrow-shape': 'triangle',
        'target-arrow-color': colour('warning'),
      },
    },
    { selector: 'edge.by-word', style: { 'line-style': 'dotted', 'line-color': colour('accent') } },
  ]
}
