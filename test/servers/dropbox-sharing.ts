// Shared folders of the Dropbox on this machine: what is told of them, and what they refuse.
// HTTP is www.dropbox.com/developers/documentation/http/documentation.
import { refused } from './dropbox-sessions.ts';

export interface Sharing {
  /** The user may look, and not change anything. */
  readOnly?: boolean;
  /** Nor may the user look at what is in it. */
  restricted?: boolean;
}

/** A shared folder is mounted in the tree of the user, where paths lead into it as into any other. */
export function createSharedFolders() {
  const folders = new Map<string, Sharing & { id: string }>();
  const around = (path: string) => {
    const at = path.toLowerCase();
    return [...folders].find(([folder]) => at === folder || at.startsWith(`${folder}/`));
  };

  return {
    share(path: string, how: Sharing): void {
      folders.set(path.toLowerCase(), { ...how, id: `${84_528_192_421 + folders.size}` });
    },
    unshare: (path: string) => void folders.delete(path.toLowerCase()),

    /** HTTP, FileSharingInfo and FolderSharingInfo: a folder that is mounted has the number, what is in it names it. */
    infoOf(path: string): { sharing_info?: object } {
      const [folder, found] = around(path) ?? [];
      if (found === undefined) return {};
      const { id, readOnly = false, restricted = false } = found;
      const number = path.toLowerCase() === folder ? { shared_folder_id: id } : { parent_shared_folder_id: id };
      return { sharing_info: { read_only: readOnly || restricted, ...number } };
    },

    /** HTTP, LookupError. */
    checkRead(path: string): void {
      if (around(path)?.[1].restricted) throw refused('path', 'restricted_content');
    },

    /** HTTP, WriteError: "The user doesn't have permissions to write to the target location." */
    checkWrite(path: string, ...error: string[]): void {
      const found = around(path)?.[1];
      if (found?.readOnly || found?.restricted) throw refused(...error, 'no_write_permission');
    },
  };
}
