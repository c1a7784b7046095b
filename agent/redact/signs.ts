/** What a text may hold, one bit each: a detector whose sign it does not bear is spared. */
export const signs = { secret: 1, long: 2, phone: 4, address: 8, name: 16, digits: 32, wide: 64 } as const
