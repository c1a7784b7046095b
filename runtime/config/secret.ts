import { inspect } from 'node:util'

/** Text that must not be seen: prints, serialises and inspects as `[secret]`. */
export class Secret {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  /** The text itself. Call it where it is handed to a library, never earlier. */
  reveal(): string {
    return this.#text
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

/** `amqp://user:[secret]@host`: whatever stands between the user and the last `@`, which a password may hold itself. */
export function hideUriPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/\s]*):.*@/is, '$1:[secret]@')
}
