// What to play and from where. Pure.

import type { MediaFile, Rendition } from "../api";

/** Taller pictures than this are only made when someone asks for them. */
export const USUAL_HEIGHT = 1080;

export interface Quality {
  copy: "only" | "none";
  height: number;
}

export type Supports = (mime: string) => boolean;

const videos = (file: MediaFile): Rendition[] =>
  (file.renditions ?? []).filter((rendition) => rendition.kind === "video");

/** The copied picture, if this browser decodes it as it is. */
export function playableCopy(file: MediaFile, supports: Supports): Rendition | undefined {
  return videos(file).find(
    (rendition) =>
      rendition.copied === true &&
      Boolean(rendition.codec_string) &&
      supports(`video/mp4; codecs="${rendition.codec_string}"`),
  );
}

/** Every picture that this browser can have: the copy first, then from high to low. */
export function qualities(file: MediaFile, supports: Supports): Quality[] {
  const copy = playableCopy(file, supports);
  const heights = videos(file)
    .filter((rendition) => rendition.copied !== true && rendition.height)
    .map((rendition) => rendition.height as number);
  const encoded = [...new Set(heights)].sort((a, b) => b - a);
  return [
    ...(copy ? [{ copy: "only" as const, height: copy.height ?? 0 }] : []),
    ...encoded.map((height) => ({ copy: "none" as const, height })),
  ];
}

export function firstQuality(choices: Quality[]): Quality {
  const copy = choices.find((choice) => choice.copy === "only");
  const usual = choices.find((choice) => choice.height <= USUAL_HEIGHT);
  return copy ?? usual ?? choices[choices.length - 1] ?? { copy: "none", height: USUAL_HEIGHT };
}

/** Where to go on: the last position, unless it is the very beginning or the credits. */
export function resumeAt(file: Pick<MediaFile, "position_s" | "duration_s"> | undefined): number {
  const position = file?.position_s ?? 0;
  const duration = file?.duration_s ?? 0;
  return position > 10 && position < duration * 0.95 ? position : 0;
}
