import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

// Debian installs servers here, which may not be in PATH.
const ALSO = ['/usr/sbin', '/usr/local/sbin']

/**
 * The path of a program, or `undefined` if it is not installed.
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
