// Segments appended piece by piece, so that a picture is there before its segment is whole.
//
// Shaka does so where a manifest says `availabilityTimeOffset`, but takes a segment for finished when its last byte has
// come, whether its pieces are appended or not: of segments that come in a burst the next one's first piece overtakes
// the last ones of this, which are lost. So the manifest does not say it, this page does, and makes Shaka wait.

/** An element of a manifest as Shaka reads it. */
export interface ManifestNode {
  tagName: string;
  attributes: Record<string, string>;
  children: (ManifestNode | string)[];
}

/** Seconds; that it is more than zero is all that counts in a film that does not grow. */
const OFFSET = "0.1";

export function offerPieces(node: ManifestNode): void {
  if (node.tagName === "SegmentTemplate") node.attributes.availabilityTimeOffset = OFFSET;
  for (const child of node.children) if (typeof child !== "string") offerPieces(child);
}

type Take = (data: { byteLength: number }) => Promise<void>;

export interface Request {
  streamDataCallback?: Take | null;
}

interface Response {
  data: { byteLength: number };
}

export interface Operation {
  promise: Promise<Response>;
  abort(): Promise<void>;
}

export type MakeOperation = new (promise: Promise<Response>, abort: () => Promise<void>) => Operation;
export type SchemePlugin = (uri: string, request: Request, ...rest: unknown[]) => Operation;

/** `fetch`, over only when every piece of its answer has been dealt with, and dealing with none once it is aborted. */
export function inOrder(fetch: SchemePlugin, AbortableOperation: MakeOperation): SchemePlugin {
  return (uri, request, ...rest) => {
    const given = request.streamDataCallback;
    if (!given) return fetch(uri, request, ...rest);
    const pieces = new Pieces(given);
    const operation = fetch(uri, { ...request, streamDataCallback: (data) => pieces.take(data) }, ...rest);
    const over = operation.promise.then(
      async (response) => {
        await pieces.all(response.data.byteLength);
        return response;
      },
      async (error) => {
        await pieces.stop();
        throw error;
      },
    );
    return new AbortableOperation(over, async () => {
      await Promise.all([pieces.stop(), operation.abort()]);
    });
  };
}

/** The pieces of one answer, handed out one after the other. */
class Pieces {
  private taken = 0;
  private begun = false;
  private stopped = false;
  private current: Promise<void> = Promise.resolve();
  private wake = () => {};

  constructor(private readonly given: Take) {}

  take(data: { byteLength: number }): Promise<void> {
    if (this.stopped) return Promise.resolve();
    this.begun = true;
    const piece = this.given(data);
    const settled = (stopped: boolean) => () => {
      this.taken += data.byteLength;
      this.stopped ||= stopped;
      this.wake();
    };
    this.current = piece.then(settled(false), settled(true));
    return piece;
  }

  /** Waits until `bytes` have been taken, or no more will be; not where the answer is not taken in pieces. */
  async all(bytes: number): Promise<void> {
    while (this.begun && !this.stopped && this.taken < bytes) {
      await new Promise<void>((done) => {
        this.wake = done;
      });
    }
  }

  /** No piece is taken any more when this is over. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.current;
  }
}
