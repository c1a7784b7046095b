/** Beginnings that samples share. */
export const peer = `<0.646.0> (127.0.0.1:58667 -> 127.0.0.1:5672, vhost: '/', user: 'guest')`
export const channelError = `Channel error on connection <0.2698.0> (127.0.0.1:41060 -> 127.0.0.1:5774, vhost: '/', user: 'guest'), channel 3:\noperation `
