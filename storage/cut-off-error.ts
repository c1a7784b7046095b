import { UnavailableError } from '../runtime/errors.ts'

/** The connection ended in place of an answer, or what stands before the store refused: the request itself may be the reason. */
export class CutOffError extends UnavailableError {}
