// What the service is measured beside, each set up as well as it can be.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "./service.mjs";

export const HLS = "-f hls -hls_time 1 -hls_list_size 0 -hls_segment_type fmp4";
export const COPY = "-c copy";
export const ENCODE =
    "-c:v libx264 -preset ultrafast -tune zerolatency -g 24 -keyint_min 24 -sc_threshold 0 -pix_fmt yuv420p -c:a aac";

// Seconds until ffmpeg's playlist names its first segment.
export async function ffmpegFirstSegment(film, codecs, from = 0) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
    const playlist = join(folder, "index.m3u8");
    const position = from ? ["-ss", String(from)] : [];
    const begin = performance.now();
    const child = spawn(
        "ffmpeg",
        ["-nostdin", "-loglevel", "error", ...position, "-i", film, ...codecs.split(" "), ...HLS.split(" "), playlist],
        { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    for (;;) {
        await sleep(1);
        try {
            if (readFileSync(playlist, "utf8").includes(".m4s")) break;
        } catch {
            // Not there yet.
        }
    }
    const seconds = (performance.now() - begin) / 1000;
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
    return seconds;
}

// The texts of the software profile with their holes filled, joined as the service joins them: a thread each for
// reading, decoding and encoding.
export function gstreamerPipeline(profile, film, values) {
    const text = readFileSync(profile, "utf8");
    const decode = /^h264 = \["([^"]+)"/m.exec(text)[1];
    const scale = /\[scale\]\s*text = "([^"]+)"/.exec(text)[1];
    const encode = /\[\[encode\.h264\]\]\s*text = "([^"]+)"/.exec(text)[1];
    const fill = (piece) => piece.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    return [
        `filesrc location=${film}`, "matroskademux", "queue", decode, fill(scale),
        "queue max-size-buffers=4", fill(encode), "fakesink sync=false",
    ].join(" ! ");
}

export async function gstreamerSeconds(pipeline) {
    const begin = performance.now();
    const child = spawn("sh", ["-c", 'exec gst-launch-1.0 -q $1', "sh", pipeline], { stdio: "ignore" });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    if (code !== 0) throw new Error(`gst-launch-1.0 ${pipeline}: ${code}`);
    return (performance.now() - begin) / 1000;
}
