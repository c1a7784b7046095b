import {
  chmodSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { UnavailableError } from '../../runtime/errors.ts'

/** The architecture's name in Debian's library folders. */
export const libraryArch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

/** Where the libraries of an unpacked release lie. */
export function libraryPath(root: string): string {
  return [
    `lib/${libraryArch}-linux-gnu`,
    `usr/lib/${libraryArch}-linux-gnu`,
    `usr/lib/${libraryArch}-linux-gnu/systemd`,
  ]
    .map((path) => join(root, path))
    .join(':')
}

/**
 * Erlang of another release needs that release's C library: each of its programs is wrapped to go through the loader it
 * came with. `root` is where the packages were unpacked, `finalRoot` where they will lie.
 */
export function relocateErlang(root: string, finalRoot: string): void {
  const inPlace = (path: string) => join(finalRoot, path.slice(root.length))
  const loader = filesBelow(root)
    .filter((file) => /\/ld-linux-[^/]*\.so\.[0-9]+$/.test(file))
    .toSorted()[0]
  if (loader === undefined) throw new UnavailableError('the C library of the unpacked release')
  const erlang = join(root, 'usr/lib/erlang')
  for (const file of filesBelow(erlang)) {
    if (file.endsWith('/bin/erl')) {
      const script = readFileSync(file, 'utf8')
      writeFileSync(file, script.replaceAll('=/usr/lib/erlang', `=${inPlace(erlang)}`))
    }
    if (file.endsWith('.so') || (statSync(file).mode & 0o100) === 0 || !isElf(file)) continue
    renameSync(file, `${file}.elf`)
    const command = `${inPlace(loader)} --library-path ${libraryPath(finalRoot)} --argv0 "$0" ${inPlace(file)}.elf`
    writeFileSync(file, `#!/bin/sh\nexec ${command} "$@"\n`)
    chmodSync(file, 0o755)
  }
}

function isElf(file: string): boolean {
  const head = Buffer.alloc(4)
  const descriptor = openSync(file, 'r')
  try {
    return readSync(descriptor, head, 0, 4, 0) === 4 && head.toString('latin1') === '\u007fELF'
  } finally {
    closeSync(descriptor)
  }
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : []
  })
}
