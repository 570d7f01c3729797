import helmet from 'helmet';
import type { RequestHandler } from 'express';

/** Seconds for which a browser uses only https after a visit over https (HSTS): two years. */
const HTTPS_ONLY_SECONDS = 2 * 365 * 86_400;

/**
 * Sets the headers of OWASP's REST Security Cheat Sheet, because responses are data that must not be executed, framed,
 * sniffed or read by other origins. Routes that serve pages set their own policy. No CORS headers are set, so browsers
 * give other sites no access. `isHttps` states whether clients reach the API over https, which the API itself cannot
 * detect. Without https, HSTS would lock users out.
 */
export const securityHeaders = ({ isHttps }: { isHttps: boolean }): RequestHandler =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: isHttps ? { maxAge: HTTPS_ONLY_SECONDS, includeSubDomains: false } : false,
    xContentTypeOptions: true,
    // For browsers without support for frame-ancestors.
    xFrameOptions: { action: 'deny' },
    xPoweredBy: true,
    // These headers are disabled, because they apply only to pages or to obsolete browsers.
    crossOriginEmbedderPolicy: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
