import type { Access } from '@muster/contracts';

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', description });

/** What a caller can show, by the names that calls refer to. */
export const SECURITY_SCHEMES = {
  enrollmentToken: bearer('An enrollment token, `muster_enroll_…`: lets a host in.'),
  agentToken: bearer('A host’s own token, `muster_agent_…`, as its enrolment gave it.'),
  apiKey: bearer('An API key, `muster_key_…`, of the role viewer or admin.'),
  metricsToken: bearer('What `MUSTER_METRICS_TOKEN` holds: reads the metrics.'),
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'muster_session',
    description: 'The session of a person who signed in.',
  },
};

const OPERATOR = [{ apiKey: [] }, { session: [] }];

/** Which of them each kind of call takes: any one of those in its list, none where that is empty. */
export const SECURITY: Readonly<Record<Access, readonly object[]>> = {
  anybody: [],
  enroll: [{ enrollmentToken: [] }],
  agent: [{ agentToken: [] }],
  viewer: OPERATOR,
  admin: OPERATOR,
  owner: [{ session: [] }],
  user: [{ session: [] }],
  metrics: [{ metricsToken: [] }, {}],
};

/** Who else than anybody with such credentials may call. */
export const WHO: Readonly<Partial<Record<Access, string>>> = {
  admin: 'For admins and owners.',
  owner: 'For owners.',
  user: 'For people with a session; an API key has none of this.',
};
