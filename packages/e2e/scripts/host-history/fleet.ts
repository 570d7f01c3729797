/** Simulated hosts whose network can be cut, and their calls. */
import { EnrollRequest, Heartbeat, Paths } from '@muster/contracts';
import { createRoles, HostAgent, Metrics, runAgents, type Fleet } from '@muster/fleet/simulation';
import { eventually } from '@muster/testkit';
import { BrokenCallError, type Call, type Http } from '@muster/testkit/http';
import type { AgentCall } from './model.js';

const MILLISECONDS_PER_ENROLLMENT = 20;
const CONTAINERS = 5;
const CHURN = 0.02;
/** More than an agent's longest delay between two attempts. */
const CALLS_AGAIN_MS_MAX = 120_000;

/** Starts the agents of `hosts` hosts, which enroll one after another. */
export function startFleet(http: Http, enrollmentToken: string, hosts: number) {
  const cut = new Set<number>();
  const calls: AgentCall[][] = Array.from({ length: hosts }, () => []);
  const startedAt = Date.now();
  const now = () => Date.now() - startedAt;
  const end = new AbortController();

  const send = async (host: number, call: Call) => {
    if (cut.has(host)) throw new BrokenCallError(call, new Error('ENETUNREACH'));
    const sentAt = Date.now();
    const reply = await http.send(call);
    if (reply.status < 300) calls[host]!.push({ ...parseCall(call), sentAt, answeredAt: Date.now() });
    return reply;
  };
  const fleet: Omit<Fleet, 'http'> = {
    options: { seed: 1, hosts, rampMs: hosts * MILLISECONDS_PER_ENROLLMENT, churn: CHURN, faults: 0 },
    roles: createRoles(CONTAINERS),
    engineIdPrefix: 'history-',
    enrollmentToken,
    metrics: new Metrics(),
    intervalMs: null,
    epochMs: startedAt,
    now,
  };
  const agents = calls.map(
    (_, host) => new HostAgent({ ...fleet, http: { ...http, send: (call) => send(host, call) } }, host),
  );
  const running = runAgents(agents, { durationMs: Number.MAX_SAFE_INTEGER, stop: end.signal, now });

  return {
    agents,
    /** The calls of each host that Muster answered, oldest first. */
    calls,
    /** The hosts that cannot reach Muster. */
    cut,
    /** Resolves when each host has called at `since` or later, after its enrollment. */
    allCall: (since: number): Promise<void> =>
      eventually(() => {
        const silent = calls.findIndex((own) => own.length < 2 || own.at(-1)!.answeredAt < since);
        if (silent !== -1) throw new Error(`${agents[silent]!.name} does not call`);
      }, CALLS_AGAIN_MS_MAX),
    async stop(): Promise<void> {
      end.abort();
      await running;
    },
  };
}

function parseCall({ path, body }: Call): Pick<AgentCall, 'kind' | 'machine'> {
  if (path === Paths.agentContainers) return { kind: 'snapshot', machine: {} };
  const json: unknown = JSON.parse(body!.toString());
  if (path === Paths.agentEnroll) return { kind: 'enroll', machine: EnrollRequest.parse(json) };
  const { agentVersion, engine, facts } = Heartbeat.parse(json);
  return { kind: 'heartbeat', machine: { ...facts, ...(agentVersion && { agentVersion }), ...(engine && { engine }) } };
}
