// Stands in for a table of users. Keep hashes of passwords, not passwords.
const passwords = new Map([['ada', 'enchantress']])

/** @param {unknown} name @param {unknown} password */
export function isUser(name, password) {
  return typeof password === 'string' && passwords.get(String(name)) === password
}
