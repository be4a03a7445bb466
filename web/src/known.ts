// What the list already told, so that the player can ask for the right place before it has the details.

import type { MediaFile } from "./api";

const known = new Map<string, MediaFile>();

export function remember(files: MediaFile[]): void {
  for (const file of files) known.set(file.id, file);
}

export function recall(id: string): MediaFile | undefined {
  return known.get(id);
}
