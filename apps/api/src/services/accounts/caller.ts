/** From where a person calls, and what their browser says of itself. */
export interface Caller {
  /** All cookies, as sent. */
  cookie: string | undefined;
  address: string;
  userAgent: string | undefined;
}
