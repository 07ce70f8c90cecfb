// What the plug-in decides. Plain data in, plain data out: `npm test` needs no relay and no WebAssembly.

/** The header field that this plug-in sets. */
export const HEADER = "X-Example-Relay";

/**
 * The one setting, checked. What is thrown says what is wrong, and what would be right.
 * @param {Record<string, unknown>} settings
 * @returns {string}
 */
export function checked(settings) {
  for (const key of Object.keys(settings)) {
    if (key !== "relay-name") {
      throw `settings: unknown field ${key}, expected relay-name`;
    }
  }
  const name = settings["relay-name"];
  if (typeof name !== "string" || !/^[!-~]([ -~]{0,62}[!-~])?$/.test(name)) {
    throw `settings: relay-name is ${JSON.stringify(name)}, but must be 1 to 64 printable ASCII characters`;
  }
  return name;
}

/**
 * The header's new value; undefined when nothing is to change. A message that passed other relays gets a list.
 * @param {string | null | undefined} present
 * @param {string} name
 */
export function stamped(present, name) {
  if (!present) {
    return name;
  }
  return present.split(", ").includes(name) ? undefined : `${present}, ${name}`;
}
