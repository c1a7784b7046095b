/** The parts of kafkajs that it exports no types for: kafkajs.ts alone imports them, and says what they are. */
declare module 'kafkajs/src/*' {
  const part: unknown
  export default part
}
