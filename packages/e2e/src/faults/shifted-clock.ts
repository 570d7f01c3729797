/**
 * Loaded into a process before its program (`node --import`): its wall clock can be set ahead of the machine's, as that of
 * a machine without NTP. The monotonic clock is left alone.
 */

export interface ClockRequest {
  ask: 'clock';
  /** Milliseconds by which the process believes that it is later than it is. */
  aheadMs: number;
}

let aheadMs = Number(process.env['FAULTS_CLOCK_AHEAD_MS'] ?? 0);
const MachineDate = Date;
const now = () => MachineDate.now() + aheadMs;

globalThis.Date = new Proxy(MachineDate, {
  get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
  apply: () => new MachineDate(now()).toString(),
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
});

process.on('message', (message: ClockRequest | { ask: string }) => {
  if (!('aheadMs' in message)) return;
  aheadMs = message.aheadMs;
  process.send?.({ aheadMs });
});
