import { Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { route, type Route } from '../http/route.js';
import { changeMember, listMembers, removeMember, type InvitationService } from '../services/accounts/index.js';

/** The routes for the members and invitations of the operator's organization. */
export const memberRoutes = (db: Database, invitations: InvitationService, now: () => Date): Route[] => [
  route(Operations.listMembers, ({ caller, query }) => listMembers(db, caller.organizationId, query)),
  route(Operations.changeMember, ({ caller, params, query, body }) =>
    changeMember(db, caller, params.userId, { ...body, ...query }, now()),
  ),
  route(Operations.removeMember, ({ caller, params, query }) => removeMember(db, caller, params.userId, query, now())),
  route(Operations.listInvitations, ({ caller, query }) => invitations.list(caller, query)),
  route(Operations.invite, ({ caller, body }) => invitations.create(caller, body)),
  route(Operations.revokeInvitation, ({ caller, params }) => invitations.revoke(caller, params.invitationId)),
  route(Operations.getInvitationOffer, ({ body }) => invitations.offer(body.token)),
  route(Operations.acceptInvitation, ({ caller, body }) => invitations.accept(caller, body)),
];
