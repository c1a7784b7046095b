/** Every queue and exchange of an agent begins so; permissions and filters rely on it. */
export const ownQueuePrefix = 'mon.'
