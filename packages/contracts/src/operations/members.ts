import { z } from 'zod';
import {
  InvitationAcceptance,
  InvitationCreated,
  InvitationOffer,
  InvitationOfferRequest,
  InvitationRequest,
  Member,
  MemberPatch,
  Session,
} from '../accounts.js';
import { Id } from '../id.js';
import type { Operation } from '../operation.js';
import { InvitationPage, MemberPage } from '../pages.js';
import { Paths } from '../paths.js';
import { ProblemTypes } from '../problem.js';
import { MemberCredentialsQuery, PageQuery } from '../queries.js';

/** The operations on members and invitations. */
export const MemberOperations = {
  listMembers: {
    method: 'GET',
    path: Paths.members,
    tag: 'Accounts',
    access: 'viewer',
    summary: 'List members',
    description: 'Returns the members of the organization, in the order in which they joined.',
    query: PageQuery,
    answers: { 200: MemberPage },
  },
  changeMember: {
    method: 'PATCH',
    path: Paths.member,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Change a member’s role',
    description:
      'Returns the changed member. If the member becomes a viewer, the admin API keys and enrollment tokens ' +
      'that they created are revoked, unless `keepCredentials` is true. If an owner gets another role, the pending ' +
      'invitations that they created are revoked. Fails with 404 if the organization has no such member, and with 409 if no ' +
      'owner would remain.',
    resource: 'member',
    params: z.object({ userId: Id }),
    query: MemberCredentialsQuery,
    body: MemberPatch,
    answers: { 200: Member },
    refusals: [ProblemTypes.conflict],
  },
  removeMember: {
    method: 'DELETE',
    path: Paths.member,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Remove a member',
    description:
      'Ends the member’s sessions, deletes their sign-in methods and revokes the pending invitations that they ' +
      'created. API keys and enrollment tokens that they created are revoked, unless `keepCredentials` is true. ' +
      'Fails with 404 if the organization has no such member, and with 409 if no owner would remain.',
    resource: 'member',
    params: z.object({ userId: Id }),
    query: MemberCredentialsQuery,
    answers: { 204: null },
    refusals: [ProblemTypes.conflict],
  },
  listInvitations: {
    method: 'GET',
    path: Paths.invitations,
    tag: 'Accounts',
    access: 'admin',
    summary: 'List pending invitations',
    description:
      'Returns the open invitations without their links. Accepted, revoked and expired invitations are not ' +
      'included.',
    query: PageQuery,
    answers: { 200: InvitationPage },
  },
  invite: {
    method: 'POST',
    path: Paths.invitations,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Create an invitation',
    description:
      'Creates a link with which one person can join the organization within 7 days. The link is returned only here, ' +
      'and Muster sends no email. The invitation replaces an earlier one for the same email address. Fails with 409 if a member has ' +
      'this email address.',
    body: InvitationRequest,
    answers: { 201: InvitationCreated },
    refusals: [ProblemTypes.conflict],
  },
  revokeInvitation: {
    method: 'DELETE',
    path: Paths.invitation,
    tag: 'Accounts',
    access: 'owner',
    summary: 'Revoke an invitation',
    description: 'The link can no longer be used. Fails with 404 if the organization has no such invitation.',
    resource: 'invitation',
    params: z.object({ invitationId: Id }),
    answers: { 204: null },
  },
  getInvitationOffer: {
    method: 'POST',
    path: Paths.invitationOffer,
    tag: 'Accounts',
    access: 'public',
    summary: 'Get the details of an invitation',
    description:
      'Returns the email address, organization and role of an invitation. Fails with 401 if the invitation was used ' +
      'or revoked, or has expired.',
    body: InvitationOfferRequest,
    answers: { 200: InvitationOffer },
    refusals: [ProblemTypes.tokenInvalid],
  },
  acceptInvitation: {
    method: 'POST',
    path: Paths.invitationAcceptance,
    tag: 'Accounts',
    access: 'public',
    summary: 'Accept an invitation',
    description:
      'Creates an account for the invited person and signs the person in. Sets the session cookie. Fails with 403 if a ' +
      'browser calls it from a page of another site. Fails with 401 if the invitation was used or revoked, or has ' +
      'expired, and with 409 if a member has its email address.',
    body: InvitationAcceptance,
    opensSession: true,
    answers: { 201: Session },
    refusals: [ProblemTypes.tokenInvalid, ProblemTypes.forbidden, ProblemTypes.conflict],
  },
} as const satisfies Record<string, Operation>;
