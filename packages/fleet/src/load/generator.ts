/** The process of a load generator. */
import { serveCalls } from '@muster/testkit';
import type { HostProgress } from '../model/workload.js';
import { drive, type Load } from './driver.js';
import { createFleet, type FleetShape, type LoadHost } from './host.js';

/** A load of a named fleet. */
export interface FleetLoad extends Load {
  fleet: string;
}

const fleets = new Map<string, LoadHost[]>();

function fleetOf(name: string): LoadHost[] {
  const fleet = fleets.get(name);
  if (fleet === undefined) throw new Error(`there is no fleet ${name}`);
  return fleet;
}

const handlers = {
  /** Creates hosts under a name. They have not sent anything yet. */
  create: ({ name, ...shape }: FleetShape & { name: string }): void => void fleets.set(name, createFleet(shape)),
  drive: ({ fleet, ...load }: FleetLoad) => drive(fleetOf(fleet), load),
  /** Returns the changes of each host, from which the expected state of a database follows. */
  progress: (fleet: string): HostProgress[] => fleetOf(fleet).map(({ progress }) => progress),
};
export type GeneratorHandlers = typeof handlers;

serveCalls(handlers);
