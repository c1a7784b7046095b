import { lstatSync, readlinkSync } from 'node:fs'
import { errorCode, statPath, withFile } from './evidence.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'this user may not read it: add the user to the group that owns it',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'it is a link that leads back to itself',
}

/** Why the path cannot be read as a log file by this user, in words; undefined where it can. */
export function whyUnreadable(path: string): string | undefined {
  try {
    if (!statPath(path).isFile) return 'it is not a regular file'
    return withFile(path, () => undefined)
  } catch (error) {
    const code = errorCode(error)
    const target = code === 'ENOENT' ? linkTarget(path) : undefined
    if (target !== undefined) return `it is a link to ${target}, which does not exist`
    return reasons[code] ?? `it cannot be read (${code})`
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined
  } catch {
    return undefined
  }
}
