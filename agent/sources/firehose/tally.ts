/** What one vhost's firehose has seen so far. All but `waiting` only grow; received = own + captured + dropped + in hand. */
export interface Tally {
  /** Trace messages given to us by the broker. */
  received: number
  /** Those of them that tell of Thump's own queues. */
  own: number
  /**
   * Those of sessions that the broker counts nowhere by exchange or queue: MQTT from 3.12 and AMQP 1.0 from 4.0 on, whose
   * channel is 0 (a second AMQP 1.0 session of one connection is not told apart).
   */
  uncounted: number
  /** Durable in the transport. */
  captured: number
  /** Those of them that the broker counts. */
  capturedCounted: number
  /** By us, for whatever reason. */
  dropped: number
  /** What waited in the trace queue when last asked; 0 while there is none. */
  waiting: number
}
