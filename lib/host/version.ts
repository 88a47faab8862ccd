/** The version of this package; a test compares it to package.json, and the addon has it from there. */
export const VERSION = '0.1.0'
