/** Why a file cannot be read, in plain words where they are known. */
export function whyUnreadable(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'no such file'
    case 'EISDIR':
      return 'this is a folder: name its files, as FOLDER/*.yaml'
    case 'EACCES':
      return 'no permission to read it'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
