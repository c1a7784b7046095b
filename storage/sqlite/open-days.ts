import { type Day, removeDay } from './day-files.ts'
import { DayWriter } from './day-writer.ts'

/** Late events open old days; more than a few at a time are rare. */
const maxOpen = 6

/** The days that are open for writing, the one used last at the end. */
export class OpenDays {
  readonly dir: string
  readonly #logPages: number
  readonly #writers = new Map<Day, DayWriter>()

  constructor(dir: string, logPages: number) {
    this.dir = dir
    this.#logPages = logPages
  }

  /** Opens it where it is not; throws where that fails. */
  of(day: Day): DayWriter {
    let writer = this.#writers.get(day)
    if (writer) this.#writers.delete(day)
    else writer = new DayWriter(this.dir, day, this.#logPages)
    this.#writers.set(day, writer)
    const oldest = this.#writers.keys().next().value
    if (this.#writers.size > maxOpen && oldest !== undefined) this.close(oldest)
    return writer
  }

  find(day: Day): DayWriter | undefined {
    return this.#writers.get(day)
  }

  /** Moves all logs into their files; false where a reader holds one. */
  checkpoint(): boolean {
    return Array.from(this.#writers.values(), (writer) => writer.checkpoint()).every(Boolean)
  }

  close(day: Day): void {
    this.#writers.get(day)?.close()
    this.#writers.delete(day)
  }

  remove(day: Day): void {
    this.close(day)
    removeDay(this.dir, day)
  }

  closeAll(): void {
    for (const day of this.#writers.keys()) this.close(day)
  }
}
