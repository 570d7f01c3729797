/** What is to be simulated, and against which API. */
export interface SimulateOptions {
  url: string;
  key: string;
  hosts: number;
  containers: number;
  churn: number;
  seed: number;
  rampMs: number;
  durationMs: number;
  sockets: number;
  faults: number;
  allow5xx: boolean;
  keep: boolean;
  json: boolean;
}
