/** The page of a node: made once, and told all that its streams hear. */
import { render } from 'preact'
import { App } from './app.tsx'

const place = document.getElementById('page')
if (place !== null) render(<App />, place)
