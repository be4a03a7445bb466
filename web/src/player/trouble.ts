// Errors in words.

import { ApiError } from "../api";
import { strings } from "../strings";
import { isShakaError, MEDIA_CATEGORY } from "./shaka";

const text = strings.player;
const BAD_HTTP_STATUS = 1001;
const NETWORK_CATEGORY = 1;

export interface Trouble {
  detail: string;
  small?: string;
}

export function inWords(error: unknown): Trouble {
  if (error instanceof ApiError) {
    const id = error.problem.request_id;
    return { detail: error.message, small: id ? text.request(id) : undefined };
  }
  if (isShakaError(error)) {
    const small = text.code(error.code);
    if (error.code === BAD_HTTP_STATUS)
      return { detail: problemDetail(error.data[2]) ?? text.network, small };
    if (error.category === NETWORK_CATEGORY) return { detail: text.network, small };
    if (error.category === MEDIA_CATEGORY) return { detail: text.decode, small };
    return { detail: text.decode, small };
  }
  if (error instanceof TypeError) return { detail: text.network };
  if (error instanceof MediaError) return { detail: text.decode, small: text.code(error.code) };
  return { detail: error instanceof Error ? error.message : String(error) };
}

function problemDetail(body: unknown): string | null {
  if (typeof body !== "string") return null;
  try {
    const problem = JSON.parse(body) as { detail?: string; title?: string };
    return problem.detail || problem.title || null;
  } catch {
    return null;
  }
}
