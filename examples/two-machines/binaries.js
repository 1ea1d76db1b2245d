import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

// Where Debian installs servers, which is not in everybody's PATH.
const ALSO = ['/usr/sbin', '/usr/local/sbin']

/**
 * Where a program is installed; `undefined` where it is not.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findBinary(name) {
  const { PATH = '', BINARIES } = process.env
  const folders = BINARIES ? [BINARIES] : [...PATH.split(delimiter), ...ALSO]
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
