// Numbers as people read them. Pure.

/** 65 → "1:05", 3725 → "1:02:05". */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : 0;
  const pad = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = pad(whole % 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** 5400 → "1 h 30 min", 300 → "5 min", 42 → "42 s". */
export function length(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${minutes / 60} h`;
}

/** 5368709120 → "5.4 GB". */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const CODECS: Record<string, string> = {
  h264: "H.264",
  avc: "H.264",
  h265: "HEVC",
  hevc: "HEVC",
  av1: "AV1",
  vp8: "VP8",
  vp9: "VP9",
  mpeg2: "MPEG-2",
  mpeg2video: "MPEG-2",
  mpeg4: "MPEG-4",
  prores: "ProRes",
};

export function codecName(codec: string): string {
  return CODECS[codec.toLowerCase().replace(/[^a-z0-9]/g, "")] ?? codec.toUpperCase();
}

/** The name that people would say: without extension, dots and underscores as spaces. */
export function plainTitle(name: string): string {
  const stem = name.replace(/\.[A-Za-z0-9]{2,5}$/, "") || name;
  return stem.replace(/[._]+/g, " ").trim() || name;
}

/** Up to two letters for a placeholder: "Big Buck Bunny.mkv" → "BB". */
export function initials(name: string): string {
  const words = plainTitle(name).match(/[\p{L}\p{N}]+/gu) ?? [];
  const dull = /^(the|a|an|of|and|der|die|das|le|la|les|\d+p?)$/i;
  const telling = words.filter((word) => !dull.test(word));
  const chosen = (telling.length ? telling : words).slice(0, 2);
  return chosen.map((word) => [...word][0]?.toUpperCase() ?? "").join("") || "▶";
}

/** A stable number for a text (FNV-1a), for placeholder colours. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    value ^= text.charCodeAt(i);
    value = Math.imul(value, 0x01000193);
  }
  return value >>> 0;
}
