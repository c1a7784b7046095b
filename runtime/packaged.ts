import { join } from 'node:path'

/** The rule pack as it comes with the program, in a clone and installed. */
export const packagedRules = join(import.meta.dirname, '../deploy/rules')
