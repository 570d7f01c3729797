import type { Access } from '@muster/contracts';

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', description });

/** The security schemes of the document. */
export const SECURITY_SCHEMES = {
  enrollmentToken: bearer('An enrollment token, `muster_enroll_…`. Agents use it to enroll a host.'),
  agentToken: bearer('The agent token of a host, `muster_agent_…`, issued by enrollment or rotation.'),
  apiKey: bearer('An API key, `muster_key_…`, with the role viewer or admin.'),
  metricsToken: bearer('The value of `MUSTER_METRICS_TOKEN`, which can only read the metrics.'),
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'muster_session',
    description:
      'The session cookie of a signed-in user. With an https `MUSTER_PUBLIC_URL`, its name is ' +
      '`__Host-muster_session`. If that URL has a path, the name ends with a hash of the path. Requests with this cookie that change anything also need an `Origin` header with the server’s ' +
      'own origin, or `Sec-Fetch-Site: same-origin`.',
  },
};

const OPERATOR_SECURITY = [{ apiKey: [] }, { session: [] }];

/**
 * The security schemes for each kind of access. One scheme of the list suffices. An empty list means that no
 * credentials are required.
 */
export const SECURITY_BY_ACCESS: Readonly<Record<Access, readonly object[]>> = {
  public: [],
  enroll: [{ enrollmentToken: [] }],
  agent: [{ agentToken: [] }],
  viewer: OPERATOR_SECURITY,
  admin: OPERATOR_SECURITY,
  owner: [{ session: [] }],
  user: [{ session: [] }],
  metrics: [{ metricsToken: [] }, {}],
};

/** The last paragraph of an operation's description, which states who may call it. */
export const ACCESS_DESCRIPTIONS: Readonly<Record<Access, string>> = {
  public: 'Access: no authentication.',
  enroll: 'Access: agents with an enrollment token.',
  agent: 'Access: agents with an agent token.',
  viewer: 'Access: operators of any role, with an API key or a session.',
  admin: 'Access: admins and owners, with an API key or a session.',
  owner: 'Access: owners, with a session.',
  user: 'Access: signed-in users; API keys cannot make this call.',
  metrics:
    'Access: clients with the metrics token. Without a configured token, only clients on the same machine, and only ' +
    'while `MUSTER_PUBLIC_URL` is not set.',
};
