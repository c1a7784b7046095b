/** A word as a shell takes it, for commands that are shown to be copied. */
export const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
