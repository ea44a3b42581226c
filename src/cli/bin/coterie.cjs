#!/usr/bin/env node
// Starts the command line under a Node that can run it. Written so that any Node, however old, can read
// it: the file that imports the modern code is only loaded where that is possible.
'use strict'

// Node 22.12: modules are required and type stripping needs no flag; see "engines" in package.json.
var requiredMajor = 22
var requiredMinor = 12

function canRun(version) {
  var parts = version.split('.')
  var major = Number(parts[0])
  return major > requiredMajor || (major === requiredMajor && Number(parts[1]) >= requiredMinor)
}

// The Node that comes with this package as an optional dependency, or null.
function ownNode() {
  var path = require('path')
  try {
    var manifest = require.resolve(
      'node-' + process.platform + '-' + process.arch + '/package.json',
    )
    return path.join(path.dirname(manifest), 'bin', 'node')
  } catch (_error) {
    // Not installed: another platform, or --omit=optional.
    return null
  }
}

function runUnder(node) {
  var child
  // Listened for before the other process starts: a signal that came between would end this one alone.
  // A terminal sends its signals to both processes; anything else sends them to this one only.
  var forward = function (signal) {
    process.on(signal, function () {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  forward('SIGINT')
  forward('SIGTERM')
  forward('SIGHUP')
  child = require('child_process').spawn(node, [__filename].concat(process.argv.slice(2)), {
    stdio: 'inherit',
  })
  child.on('error', function (error) {
    console.error('coterie: ' + node + ' does not start: ' + error.message)
    process.exit(2)
  })
  child.on('exit', function (code, signal) {
    if (signal !== null) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
      return
    }
    process.exit(code)
  })
}

function main() {
  if (canRun(process.versions.node)) {
    require('./run.cjs')
    return
  }
  var node = ownNode()
  if (node !== null) {
    runUnder(node)
    return
  }
  console.error(
    'coterie needs Node ' +
      requiredMajor +
      '.' +
      requiredMinor +
      ' or later, this is ' +
      process.versions.node +
      ', and no package node-' +
      process.platform +
      '-' +
      process.arch +
      ' is installed beside it.',
  )
  process.exit(2)
}

main()
