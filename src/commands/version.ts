/**
 * Versions: what we call ourselves, and as which Redis we speak.
 */

/** The version of Redis whose behaviour we follow: INFO's redis_version and HELLO's version. */
export const REDIS_VERSION = "7.2.5";

/** Our own version, the one of package.json. */
export const KEVY_VERSION = "0.1.0";
