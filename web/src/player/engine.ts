// What plays the stream: Shaka over DASH, or the browser's own HLS where there is no MediaSource.

import { dashUrl, hlsUrl } from "../api";
import { strings } from "../strings";
import { type Quality, USUAL_HEIGHT } from "./choice";
import { offerPieces } from "./pieces";
import { type AudioTrack, importShaka, type ShakaPlayer } from "./shaka";

/** What can be chosen in a menu. */
export interface Choice {
  label: string;
  active: boolean;
  choose(): void;
}

export interface Engine {
  load(quality: Quality, at: number): Promise<void>;
  /** Changes the picture without a new manifest; false if it cannot. */
  change(height: number): boolean;
  sounds(): Choice[];
  /** None first; empty where there is no text. */
  texts(): Choice[];
  destroy(): Promise<void>;
}

export const hasMediaSource = (): boolean => "MediaSource" in window || "ManagedMediaSource" in window;

export function supports(mime: string): boolean {
  return "MediaSource" in window && window.MediaSource.isTypeSupported(mime);
}

const retry = { timeout: 60_000, connectionTimeout: 30_000, stallTimeout: 20_000 };

const config = {
  // The browser's guess of the line would win over the estimate and start with a small picture.
  abr: { enabled: false, defaultBandwidthEstimate: 1e9, useNetworkInformation: false },
  streaming: {
    bufferingGoal: 20,
    rebufferingGoal: 0.1,
    retryParameters: { ...retry, maxAttempts: 5 },
  },
  manifest: {
    retryParameters: { ...retry, maxAttempts: 4 },
    dash: { manifestPreprocessorTXml: offerPieces },
  },
};

export async function createEngine(
  file: string,
  video: HTMLVideoElement,
  captions: HTMLElement,
  onError: (error: unknown) => void,
): Promise<Engine> {
  if (!hasMediaSource()) return nativeEngine(file, video);
  const shaka = await importShaka();
  if (!shaka.Player.isBrowserSupported()) return nativeEngine(file, video);
  const player = new shaka.Player();
  player.setVideoContainer(captions);
  await player.attach(video);
  player.configurationForLowLatency?.({ streaming: { segmentPrefetchLimit: 0 } });
  player.configure(config);
  player.addEventListener("error", (event) => onError(event.detail));
  return shakaEngine(file, player);
}

function shakaEngine(file: string, player: ShakaPlayer): Engine {
  let loaded: Quality | null = null;
  return {
    async load(quality, at) {
      loaded = quality;
      const maxHeight = quality.copy === "only" ? Number.POSITIVE_INFINITY : quality.height || USUAL_HEIGHT;
      player.configure({ abr: { restrictions: { maxHeight } } });
      await player.load(dashUrl(file, quality.copy), at || undefined);
    },
    change(height) {
      if (loaded?.copy !== "none") return false;
      const tracks = player.getVariantTracks();
      const now = tracks.find((track) => track.active);
      const wanted = tracks.filter((track) => track.height === height);
      const track = wanted.find((one) => one.audioId === now?.audioId) ?? wanted[0];
      if (!track) return false;
      player.selectVariantTrack(track, true);
      return true;
    },
    sounds() {
      const tracks = player.getAudioTracks?.() ?? [];
      return distinct(tracks).map((track, i) => ({
        label: trackLabel(track, i),
        active: tracks.some((one) => one.active && soundKey(one) === soundKey(track)),
        choose: () => player.selectAudioTrack?.(track),
      }));
    },
    texts() {
      const tracks = player.getTextTracks();
      if (tracks.length === 0) return [];
      const off = {
        label: strings.player.noText,
        active: tracks.every((track) => !track.active),
        choose: () => player.selectTextTrack(null),
      };
      const shown = tracks.map((track, i) => ({
        label: trackLabel(track, i),
        active: track.active,
        choose: () => player.selectTextTrack(track),
      }));
      return [off, ...shown];
    },
    destroy: () => player.destroy(),
  };
}

function nativeEngine(file: string, video: HTMLVideoElement): Engine {
  if (!video.canPlayType("application/vnd.apple.mpegurl")) throw new Error(strings.player.noSource);
  return {
    load(_quality, at) {
      return new Promise((resolve, reject) => {
        video.addEventListener("error", () => reject(video.error), { once: true });
        video.addEventListener(
          "loadedmetadata",
          () => {
            if (at) video.currentTime = at;
            resolve();
          },
          { once: true },
        );
        video.src = hlsUrl(file);
      });
    },
    change: () => false,
    sounds: () => [],
    texts: () => [],
    async destroy() {
      video.removeAttribute("src");
      video.load();
    },
  };
}

const soundKey = (track: AudioTrack): string => `${track.language}|${track.label ?? ""}`;

function distinct(tracks: AudioTrack[]): AudioTrack[] {
  const seen = new Set<string>();
  return tracks.filter((track) => !seen.has(soundKey(track)) && seen.add(soundKey(track)));
}

function trackLabel(track: { language: string; label: string | null }, index: number): string {
  if (track.label) return track.label;
  if (!track.language || track.language === "und") return strings.player.audioTrack(index + 1);
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(track.language) ?? track.language;
  } catch {
    return track.language;
  }
}
