/** The client of an account request: its address, cookies and user agent. */
export interface Caller {
  /** All cookies, as sent. */
  cookie: string | undefined;
  address: string;
  userAgent: string | undefined;
}
