// One film on one video element: asks for it, loads it, changes its picture, tries again.

import { ApiError, getFile, type MediaFile, startStream } from "../api";
import { recall } from "../known";
import { strings } from "../strings";
import { firstQuality, type Quality, qualities, resumeAt } from "./choice";
import { createEngine, type Engine, supports } from "./engine";
import { isShakaError, MEDIA_CATEGORY } from "./shaka";

export interface SessionEvents {
  file(file: MediaFile): void;
  loading(): void;
  ready(resumedAt: number): void;
  failed(error: unknown): void;
}

export class Session {
  file: MediaFile | undefined;
  choices: Quality[] = [];
  quality: Quality | undefined;
  engine: Engine | undefined;
  private readonly abort = new AbortController();
  private gone = false;

  constructor(
    private readonly id: string,
    private readonly video: HTMLVideoElement,
    private readonly captions: HTMLElement,
    private readonly events: SessionEvents,
  ) {}

  /** Starts, or starts over after an error, at `at` or where the film was left. */
  async start(at?: number): Promise<void> {
    this.events.loading();
    const guess = at ?? resumeAt(recall(this.id));
    const signal = this.abort.signal;
    let startProblem: unknown;
    // Failures of the head start are told only if the film then does not play.
    const headStart = startStream(this.id, guess, signal).catch((error) => {
      startProblem = error;
    });
    try {
      const engine = this.engine
        ? Promise.resolve(this.engine)
        : createEngine(this.id, this.video, this.captions, (error) => this.onEngineError(error));
      engine.catch(() => {});
      this.file = await getFile(this.id, signal);
      this.events.file(this.file);
      if (this.file.state === "offline" || this.file.state === "broken") {
        const broken = this.file.state === "broken";
        const words = broken ? strings.browse.brokenReason : strings.browse.offlineReason;
        throw new Error(this.file.reason || words);
      }
      const position = at ?? resumeAt(this.file);
      if (Math.abs(position - guess) > 5) void startStream(this.id, position, signal).catch(() => {});
      this.choices = qualities(this.file, supports);
      this.quality ??= firstQuality(this.choices);
      const made = await engine;
      if (this.gone) {
        await made.destroy();
        return;
      }
      this.engine = made;
      await this.load(this.quality, position);
      if (!this.gone) this.events.ready(at === undefined ? position : 0);
    } catch (error) {
      await headStart;
      if (this.gone) return;
      this.events.failed(
        startProblem instanceof ApiError && !(error instanceof ApiError) ? startProblem : error,
      );
    }
  }

  /** Loads; a copy that the browser promised to play and cannot is replaced by an encoded picture. */
  private async load(quality: Quality, at: number): Promise<void> {
    this.quality = quality;
    try {
      await this.engine?.load(quality, at);
    } catch (error) {
      const other = this.instead(error);
      if (!other) throw error;
      await this.load(other, at);
    }
  }

  async choose(quality: Quality): Promise<void> {
    const before = this.quality;
    this.quality = quality;
    if (before?.copy === "none" && quality.copy === "none" && this.engine?.change(quality.height)) return;
    await this.reload(quality);
  }

  private async reload(quality: Quality): Promise<void> {
    this.events.loading();
    try {
      await this.load(quality, this.video.currentTime);
      if (!this.gone) this.events.ready(0);
    } catch (error) {
      if (!this.gone) this.events.failed(error);
    }
  }

  private onEngineError(error: unknown): void {
    if (this.gone) return;
    const other = this.instead(error);
    if (other) void this.reload(other);
    else this.events.failed(error);
  }

  private instead(error: unknown): Quality | undefined {
    if (this.quality?.copy !== "only") return undefined;
    if (!isShakaError(error) || error.category < MEDIA_CATEGORY) return undefined;
    const INTERRUPTED = [7000, 7001, 7002];
    if (INTERRUPTED.includes(error.code)) return undefined;
    this.choices = this.choices.filter((choice) => choice.copy !== "only");
    return firstQuality(this.choices);
  }

  destroy(): void {
    this.gone = true;
    this.abort.abort();
    void this.engine?.destroy().catch(() => {});
  }
}
