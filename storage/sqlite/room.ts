import {
  type Day,
  listAside,
  listDays,
  removeAside,
  sizeBesideDay,
  sizeOfAside,
  sizeOfDay,
  startOf,
} from './day-files.ts'
import type { OpenDays } from './open-days.ts'

/** What follows from the bound of all days together. */
export interface Room {
  /** At most so much is in use before a write; the rest is for the write, its log and the index's merging. */
  readonly limitBytes: number
  /** At most so much lies on the disk where more than one day could go. */
  readonly filesBytes: number
  /** Values of one transaction. */
  readonly chunkBytes: number
  /** A day's log is moved into its file when it has so many pages. */
  readonly logPages: number
}

/** A smaller bound is taken for this. */
const leastBytes = 16 * 2 ** 20
const mostReserve = 64 * 2 ** 20
const leastReserve = 6 * 2 ** 20
const pageBytes = 4096
/** So many of the oldest events are taken out at a time: each may touch a page of its own. */
const trimRows = 128

/** A write grows a day by less than five times its values and a megabyte of merging: so much is always kept free. */
export function roomOf(maxBytes: number): Room {
  const bound = Math.max(maxBytes, leastBytes)
  const reserve = Math.min(mostReserve, Math.max(leastReserve, bound / 8))
  return {
    limitBytes: bound - reserve,
    filesBytes: bound - reserve / 2,
    chunkBytes: reserve / 10,
    logPages: Math.min(4000, Math.floor(reserve / 8 / pageBytes)),
  }
}

/** `busy`: somebody reads what could go. `too-old`: all that is kept is newer than the day. */
export type RoomMade = 'made' | 'busy' | 'too-old'

/**
 * Keeps the bound before a day is written to: the oldest goes first, days that were set aside among them. Of a day that is
 * most of what is kept its oldest events go; smaller ones go as a whole, and are added to `removed`.
 */
export function makeRoom(open: OpenDays, room: Room, day: Day, removed: Day[]): RoomMade {
  const { dir } = open
  if (!isOver(open, room, day)) return 'made'
  const isMoved = open.checkpoint()
  while (isOver(open, room, day)) {
    const [aside] = listAside(dir)
    const [oldest, ...newer] = listDays(dir)
    if (aside && (oldest === undefined || newer.length === 0 || startOf(aside.day) <= startOf(oldest))) {
      removeAside(aside)
      continue
    }
    if (oldest === undefined || startOf(oldest) > startOf(day)) return 'too-old'
    const isAlone = oldest === day && newer.length === 0
    if (isAlone || sizeOfDay(dir, oldest) > room.limitBytes / 2) {
      if (!isMoved) return 'busy'
      if (isTrimmed(open, oldest, !isAlone)) continue
      if (isAlone) return 'busy'
    }
    open.remove(oldest)
    removed.push(oldest)
  }
  return 'made'
}

function isOver(open: OpenDays, { limitBytes, filesBytes }: Room, day: Day): boolean {
  const days = listDays(open.dir)
  const asides = listAside(open.dir).reduce((sum, one) => sum + sizeOfAside(one), 0)
  const files = days.reduce((sum, one) => sum + sizeWhenMoved(open, one), asides)
  const isAlone = days.length === 1 && days[0] === day
  // Room inside the file that is written to is room: what was taken out of it is filled first.
  return files - (open.find(day)?.freeBytes() ?? 0) > limitBytes || (!isAlone && files > filesBytes)
}

/** With what moving its log will add to its file. */
function sizeWhenMoved(open: OpenDays, day: Day): number {
  const writer = open.find(day)
  return writer ? writer.fileBytes() + sizeBesideDay(open.dir, day) : sizeOfDay(open.dir, day)
}

/** Takes a day's oldest events out; false where its log stays, or nothing is left to take. */
function isTrimmed(open: OpenDays, day: Day, shrinks: boolean): boolean {
  const writer = open.of(day)
  const isLess = writer.trim(trimRows) > 0
  if (isLess && shrinks) writer.shrink()
  return isLess && writer.checkpoint()
}
