import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ActiveAlerter } from './active.ts'

/** Answers for an alerter that is active; 503 while another one is. */
export type WithAlerter = (
  answer: (alerter: ActiveAlerter, request: FastifyRequest, reply: FastifyReply) => unknown,
) => (request: FastifyRequest, reply: FastifyReply) => unknown
