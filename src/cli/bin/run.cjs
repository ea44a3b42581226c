// Loaded by coterie.cjs where `import()` is understood.
'use strict'

import('../src/cli/main.js').catch(error => {
  console.error(error)
  process.exit(2)
})
