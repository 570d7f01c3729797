/** The extent of each test. All tests together take about twenty minutes on two cores. */
export const FULL = {
  kill: { rounds: 30, embeddedRounds: 30, hosts: 8 },
  /** `deploys` and `requests` are minimums. */
  deploy: { deploys: 3, requests: 10_000, connections: 16 },
  frozen: { frozenMs: 20_000 },
  restored: { hosts: 10 },
  overload: { peakMs: 15_000, overloadMs: 60_000, hosts: 5_000 },
  noisy: { windows: 5, windowMs: 6_000 },
  abuse: { dribblers: 200, repeats: 3 },
  document: { cases: 20_000 },
  limits: { sprayMs: 20_000 },
  revoked: { hosts: 10 },
};

export type Plan = typeof FULL;

/** The same faults, but fewer and shorter: about eight minutes. */
export const QUICK: Plan = {
  kill: { rounds: 6, embeddedRounds: 3, hosts: 8 },
  deploy: { deploys: 1, requests: 2_000, connections: 8 },
  frozen: { frozenMs: 8_000 },
  restored: { hosts: 3 },
  overload: { peakMs: 6_000, overloadMs: 20_000, hosts: 5_000 },
  noisy: { windows: 3, windowMs: 3_000 },
  abuse: { dribblers: 100, repeats: 1 },
  document: { cases: 1_000 },
  limits: { sprayMs: 6_000 },
  revoked: { hosts: 4 },
};
