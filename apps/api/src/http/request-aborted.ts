/** The client went away before its request was answered: there is nobody to answer. */
export class RequestAbortedError extends Error {
  constructor() {
    super('the client closed the connection before its request was complete');
    this.name = 'RequestAbortedError';
  }
}
