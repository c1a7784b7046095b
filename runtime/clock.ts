/** Wall clock in ms since the epoch. Injected, so that tests own time. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()
