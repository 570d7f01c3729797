import { InventoryOperations } from './images-ports-projects.js';
import type { Operation } from './operation.js';
import { AgentOperations } from './operations/agents.js';
import { ApiKeyOperations } from './operations/api-keys.js';
import { AvailabilityOperations } from './operations/availability.js';
import { ContainerOperations } from './operations/containers.js';
import { EnrollmentTokenOperations } from './operations/enrollment-tokens.js';
import { ExportOperations } from './operations/exports.js';
import { HistoryOperations } from './operations/history.js';
import { HostOperations } from './operations/hosts.js';
import { MemberOperations } from './operations/members.js';
import { ServiceOperations } from './operations/service.js';
import { SignInOperations } from './operations/sign-in.js';

/** All operations of the API by id. Routes, client, OpenAPI document and tests derive from this table. */
export const Operations = {
  ...AgentOperations,
  ...EnrollmentTokenOperations,
  ...HostOperations,
  ...AvailabilityOperations,
  ...ContainerOperations,
  ...InventoryOperations,
  ...HistoryOperations,
  ...ExportOperations,
  ...SignInOperations,
  ...MemberOperations,
  ...ApiKeyOperations,
  ...ServiceOperations,
} as const satisfies Record<string, Operation>;
export type OperationName = keyof typeof Operations;
