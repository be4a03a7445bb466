// As much of Shaka Player as this page uses, loosely typed; the library is a chunk of its own.

import { inOrder, type MakeOperation, type SchemePlugin } from "./pieces";

export interface VariantTrack {
  id: number;
  active: boolean;
  height: number | null;
  bandwidth: number;
  language: string;
  label: string | null;
  audioId: number | null;
  audioCodec: string | null;
}

export interface AudioTrack {
  active: boolean;
  language: string;
  label: string | null;
  channelsCount?: number | null;
}

export interface TextTrack {
  id: number;
  active: boolean;
  language: string;
  label: string | null;
  forced: boolean;
}

export interface ShakaError {
  code: number;
  category: number;
  severity: number;
  data: unknown[];
}

export interface ShakaPlayer {
  attach(video: HTMLMediaElement): Promise<void>;
  /** Subtitles are elements in there. */
  setVideoContainer(container: HTMLElement | null): void;
  configure(config: object): boolean;
  configurationForLowLatency?(config: object): void;
  load(url: string, at?: number | null): Promise<void>;
  unload(): Promise<void>;
  destroy(): Promise<void>;
  getVariantTracks(): VariantTrack[];
  selectVariantTrack(track: VariantTrack, clearBuffer?: boolean): void;
  getAudioTracks?(): AudioTrack[];
  selectAudioTrack?(track: AudioTrack): void;
  getTextTracks(): TextTrack[];
  /** `null` shows none. */
  selectTextTrack(track: TextTrack | null): void;
  retryStreaming(): boolean;
  addEventListener(name: string, listener: (event: Event & { detail?: unknown }) => void): void;
}

export interface Shaka {
  net: {
    NetworkingEngine: {
      registerScheme(scheme: string, plugin: SchemePlugin, priority: number, progressSupport: boolean): void;
      PluginPriority: { APPLICATION: number };
    };
    HttpFetchPlugin: { isSupported(): boolean; parse: SchemePlugin };
  };
  Player: { new (): ShakaPlayer; isBrowserSupported(): boolean };
  polyfill: { installAll(): void };
  util: { AbortableOperation: MakeOperation };
}

export async function importShaka(): Promise<Shaka> {
  const module: unknown = await import("shaka-player/dist/shaka-player.compiled.js");
  const shaka = ((module as { default?: unknown }).default ?? module) as Shaka;
  shaka.polyfill.installAll();
  const { NetworkingEngine, HttpFetchPlugin } = shaka.net;
  if (HttpFetchPlugin.isSupported()) {
    const plugin = inOrder(HttpFetchPlugin.parse, shaka.util.AbortableOperation);
    for (const scheme of ["http", "https"]) {
      NetworkingEngine.registerScheme(scheme, plugin, NetworkingEngine.PluginPriority.APPLICATION, true);
    }
  }
  return shaka;
}

export function isShakaError(error: unknown): error is ShakaError {
  return typeof error === "object" && error !== null && "code" in error && "category" in error;
}

/** Shaka's category for what the browser could not append or decode. */
export const MEDIA_CATEGORY = 3;
