import helmet from 'helmet';
import type { RequestHandler } from 'express';

/** Seconds for which a browser that came by https comes by nothing else: two years. */
const HTTPS_ONLY_SECONDS = 2 * 365 * 86_400;

/**
 * The headers that OWASP's REST Security Cheat Sheet asks of every answer: it is data, to be run, framed, guessed at or
 * read by another origin nowhere. Whoever answers with a page sets a policy of its own. What other sites may do is not
 * said at all (CORS), so browsers let them do nothing. `https`: whether the API is reached by it, as only the one who
 * runs it can know; a promise of https from a server without it would lock people out.
 */
export const securityHeaders = ({ https }: { https: boolean }): RequestHandler =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: https ? { maxAge: HTTPS_ONLY_SECONDS, includeSubDomains: false } : false,
    xContentTypeOptions: true,
    // For browsers that do not know frame-ancestors.
    xFrameOptions: { action: 'deny' },
    xPoweredBy: true,
    // For pages, which these answers are not, or for browsers that are gone.
    crossOriginEmbedderPolicy: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
