// The server's JSON, typed, and its errors (RFC 9457 problem documents).
// URLs are relative to the document, so that the page works under a sub-path.

export type FileState = "ready" | "unprobed" | "offline" | "broken";

export interface VideoFacts {
  codec?: string | null;
  width?: number | null;
  height?: number | null;
  hdr?: boolean | string | null;
}

export interface Rendition {
  id: string;
  kind: "video" | "audio" | string;
  copied?: boolean;
  codec_string?: string | null;
  width?: number | null;
  height?: number | null;
  bandwidth?: number | null;
  label?: string | null;
  language?: string | null;
}

export interface MediaFile {
  id: string;
  name: string;
  library?: string | null;
  size?: number | null;
  duration_s?: number | null;
  state: FileState;
  reason?: string | null;
  video?: VideoFacts | null;
  position_s?: number | null;
  renditions?: Rendition[];
}

export interface FilePage {
  files: MediaFile[];
  next?: string | null;
}

export interface ScanStatus {
  state: "idle" | "scanning" | "done";
  scanned_paths?: number;
  candidates?: number;
  indexed?: number;
  probed?: number;
  last_error?: string | null;
}

interface Problem {
  title?: string;
  detail?: string;
  request_id?: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.name = "ApiError";
  }
}

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(path, init);
  if (!response.ok) {
    let problem: Problem = {};
    try {
      problem = (await response.json()) as Problem;
    } catch {
      problem = { title: response.statusText };
    }
    throw new ApiError(response.status, problem);
  }
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

function send<T>(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<T> {
  return request<T>(path, {
    ...init,
    method,
    ...(body === undefined
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
}

const id = encodeURIComponent;

export interface Listing {
  q: string;
  sort: string;
}

export function listFiles(
  listing: Listing,
  cursor: string | null,
  limit: number,
  signal?: AbortSignal,
): Promise<FilePage> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (listing.q) query.set("q", listing.q);
  if (listing.sort) query.set("sort", listing.sort);
  if (cursor) query.set("cursor", cursor);
  return request<FilePage>(`api/files?${query}`, { signal });
}

export const getFile = (file: string, signal?: AbortSignal) =>
  request<MediaFile>(`api/files/${id(file)}`, { signal });

export const scanStatus = (signal?: AbortSignal) => request<ScanStatus>("api/scan/status", { signal });

export const startScan = () => send<unknown>("POST", "api/scan");

export const startStream = (file: string, at: number, signal?: AbortSignal) =>
  send<unknown>(
    "POST",
    `api/stream/${id(file)}/start`,
    { mode: "ondemand", at_s: at, wait: false },
    { signal },
  );

export const putPosition = (file: string, position: number) =>
  send<unknown>(
    "PUT",
    `api/files/${id(file)}/position`,
    { position_s: Math.round(position * 10) / 10 },
    { keepalive: true },
  );

export const postView = (file: string) =>
  send<unknown>("POST", `api/files/${id(file)}/view`, undefined, { keepalive: true });

export const dashUrl = (file: string, copy: "only" | "none") => `dash/${id(file)}/manifest.mpd?copy=${copy}`;
export const hlsUrl = (file: string) => `hls/${id(file)}/index.m3u8`;
