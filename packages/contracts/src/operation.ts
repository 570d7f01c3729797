import type { z } from 'zod';
import type { ProblemType } from './problem.js';

/**
 * Who may call an operation: no authentication (`anybody`), an enrollment token (`enroll`), an agent token (`agent`),
 * an operator of at least this role with an API key or session (`viewer`, `admin`, `owner`), a user with a session
 * (`user`), or a client with the metrics token (`metrics`).
 */
export type Access = 'anybody' | 'enroll' | 'agent' | 'viewer' | 'admin' | 'owner' | 'user' | 'metrics';

/** The parts of the API, by which the OpenAPI document groups the operations. */
export type Tag = 'Agents' | 'Inventory' | 'History' | 'Exports' | 'Enrollment' | 'Accounts' | 'Service';

/** An operation of the API. */
export interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters are written as `:name`. A path that other code needs is in `Paths`. */
  path: `/${string}`;
  tag: Tag;
  access: Access;
  /** A short title, such as `List hosts`. */
  summary: string;
  /**
   * Describes what the operation does and returns, and when it fails. The document adds who may call it, from `access`.
   */
  description: string;
  /** The kind of object that the path identifies, such as `host`, for the message of a 404 response. */
  resource?: string;
  /** The path parameters. The response to invalid ones is 404. */
  params?: z.ZodType;
  query?: z.ZodType;
  /** The headers with metadata of the body, by lowercase name. */
  headers?: z.ZodType;
  body?: z.ZodType;
  /** Maximum bytes of the body, both as sent and decompressed. Default: `BODY_BYTES_MAX`. */
  bodyBytesMax?: number;
  /**
   * The rate limits of an agent's call. Default: the limit of all calls except snapshots. `rotations` adds a second
   * limit.
   */
  limits?: 'snapshots' | 'rotations';
  /**
   * Whether the operation signs a user in. It then returns session cookies, so pages of other sites may not call it.
   */
  opensSession?: true;
  /**
   * Forbids caches from storing the response, even for revalidation. Other JSON responses to operators may be stored.
   */
  noStore?: true;
  /**
   * The successful responses by status: the schema of a JSON body, null for no body, or the media type of another body.
   */
  answers: Readonly<Record<number, z.ZodType | null | string>>;
  /** The problems that the operation can return in addition to those implied by its access, path and body. */
  refusals?: readonly ProblemType[];
}
