import {
  BODY_BYTES_MAX,
  InvitationAcceptance,
  InvitationOfferRequest,
  InvitationRequest,
  MemberCredentialsQuery,
  MemberPatch,
  PageQuery,
  Paths,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router, type RequestHandler } from 'express';
import { operatorOf, requireAdmin, requireOwner } from '../http/auth.js';
import { readBody, parseFields } from '../http/body.js';
import { callerOf } from '../http/caller.js';
import { changeMember, listMembers, removeMember, type InvitationService } from '../services/accounts/index.js';
import { parseId, requireRevalidation } from './reads.js';
import { withCookies } from './sign-in.js';

export interface MemberRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  /** Refuses other sites, for calls that set a cookie but need none. */
  sameOrigin: RequestHandler;
  db: Database;
  now: () => Date;
  invitations: InvitationService;
}

/** Creates the routes for the members and invitations of the operator's organization. */
export function createMemberRouter({ auth, sameOrigin, db, now, invitations }: MemberRouterParts): Router {
  const router = Router();

  router.get(Paths.members, auth, requireRevalidation, async (req, res) => {
    res.json(await listMembers(db, operatorOf(res).organizationId, parseFields(PageQuery, req.query)));
  });
  router.patch(Paths.member, auth, requireOwner, async (req, res) => {
    const options = parseFields(MemberCredentialsQuery, req.query);
    const patch = await readBody(req, MemberPatch, BODY_BYTES_MAX);
    const userId = parseId('member', req.params['userId']);
    res.json(await changeMember(db, operatorOf(res), userId, { ...patch, ...options }, now()));
  });
  router.delete(Paths.member, auth, requireOwner, async (req, res) => {
    const options = parseFields(MemberCredentialsQuery, req.query);
    await removeMember(db, operatorOf(res), parseId('member', req.params['userId']), options, now());
    res.status(204).end();
  });

  router.get(Paths.invitations, auth, requireAdmin, requireRevalidation, async (req, res) => {
    res.json(await invitations.list(operatorOf(res), parseFields(PageQuery, req.query)));
  });
  router.post(Paths.invitations, auth, requireOwner, async (req, res) => {
    const request = await readBody(req, InvitationRequest, BODY_BYTES_MAX);
    res.status(201).json(await invitations.create(operatorOf(res), request));
  });
  router.delete(Paths.invitation, auth, requireOwner, async (req, res) => {
    await invitations.revoke(operatorOf(res), parseId('invitation', req.params['invitationId']));
    res.status(204).end();
  });
  router.post(Paths.invitationOffer, async (req, res) => {
    const { token } = await readBody(req, InvitationOfferRequest, BODY_BYTES_MAX);
    res.json(await invitations.offer(token));
  });
  router.post(Paths.invitationAcceptance, sameOrigin, async (req, res) => {
    const acceptance = await readBody(req, InvitationAcceptance, BODY_BYTES_MAX);
    res.status(201).json(withCookies(res, await invitations.accept(callerOf(req), acceptance)));
  });
  return router;
}
