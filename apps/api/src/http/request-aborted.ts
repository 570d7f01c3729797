/** The client disconnected before its request was complete, so no response is sent. */
export class RequestAbortedError extends Error {
  constructor() {
    super('the client closed the connection before its request was complete');
    this.name = 'RequestAbortedError';
  }
}
