export type Plan = ReturnType<typeof planOf>;

/**
 * Returns the extent of each test. All tests together take about twenty minutes on two cores. A quick run injects the
 * same faults, but fewer and shorter: it takes about eight minutes.
 */
export function planOf(quick: boolean) {
  const extent = (full: number, short: number): number => (quick ? short : full);
  return {
    kill: { rounds: extent(30, 6), embeddedRounds: extent(30, 3), hosts: 8 },
    /** `deploys` and `requests` are minimums. */
    deploy: { deploys: extent(3, 1), requests: extent(10_000, 2_000), connections: extent(16, 8) },
    frozen: { frozenMs: extent(20_000, 8_000) },
    restored: { hosts: extent(10, 3) },
    overload: { peakMs: extent(15_000, 6_000), overloadMs: extent(60_000, 20_000), hosts: 5_000 },
    noisy: { windows: extent(5, 3), windowMs: extent(6_000, 3_000) },
    abuse: { dribblers: extent(200, 100), repeats: extent(3, 1) },
    document: { cases: extent(20_000, 1_000) },
    limits: { sprayMs: extent(20_000, 6_000) },
    revoked: { hosts: extent(10, 4) },
  };
}
