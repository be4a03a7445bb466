// The films that are measured with. What is there stays.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, linkSync, mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "millrace-bench");

const SECONDS = 60;
// Noise makes the encoder and the entropy decoder work as film grain does. Constant quality, since a constant rate
// spends far too much on the first keyframe, which no film of that rate has.
const PICTURE = "testsrc2=size=1920x1080:rate=24000/1001,noise=alls=12:allf=t+u";
const SOUND = "aevalsrc=0.1*sin(2*PI*220*t)|0.1*sin(2*PI*277*t)";
const AAC = ["-c:a", "aac", "-b:a", "128k"];

function make(target, ffmpegArguments) {
    if (existsSync(target.path)) return target.path;
    console.error(`Making ${target.path}`);
    const unfinished = join(target.folder, `.making-${target.name}`);
    execFileSync("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", ...ffmpegArguments, unfinished], {
        stdio: "inherit",
    });
    renameSync(unfinished, target.path);
    return target.path;
}

export function media() {
    mkdirSync(CACHE, { recursive: true });
    const target = (name) => ({ name, folder: CACHE, path: join(CACHE, name) });
    const drawn = (filter, ...encoder) => [
        ..."-f lavfi -i".split(" "), PICTURE + filter, ..."-f lavfi -i".split(" "), SOUND,
        "-t", String(SECONDS), ...encoder, ...AAC,
    ];
    const h264 = make(
        target("h264.mkv"),
        drawn("", ..."-c:v libx264 -preset veryfast -crf 23 -maxrate 12M -bufsize 12M -g 48 -pix_fmt yuv420p".split(" ")),
    );
    const hevc10 = make(
        target("hevc10.mkv"),
        drawn(
            ",format=yuv420p10le",
            ..."-c:v libx265 -preset ultrafast -x265-params keyint=48:min-keyint=48:log-level=error".split(" "),
            ..."-b:v 8M -pix_fmt yuv420p10le -profile:v main10".split(" "),
        ),
    );
    const h264mp4 = make(target("h264.mp4"), ["-i", h264, "-c", "copy", "-movflags", "+faststart"]);
    // Ten minutes: longer than the look-ahead, so that there is something unmade to seek to.
    const long = make(target("long.mkv"), ["-stream_loop", "9", "-i", h264, "-c", "copy"]);
    const short = make(target("20s.mkv"), ["-i", h264, "-t", "20", "-map", "0:v", "-c", "copy"]);
    const hevc20 = make(target("20s-hevc10.mkv"), ["-i", hevc10, "-t", "20", "-map", "0:v", "-c", "copy"]);
    // Three hours for their manifests alone: a small picture, in Matroska's cues a keyframe every two seconds.
    const hours = make(target("hours.mkv"), [
        ..."-f lavfi -i testsrc2=size=128x72:rate=24000/1001 -f lavfi -i sine=sample_rate=48000 -t 10800".split(" "),
        ..."-c:v libx264 -preset ultrafast -crf 45 -g 48 -pix_fmt yuv420p -c:a aac -b:a 32k".split(" "),
    ]);
    return { h264, h264mp4, hevc10, long, short, hevc20, hours };
}

// Into a library: as a hard link where that can be.
export function place(path, folder) {
    try {
        linkSync(path, join(folder, basename(path)));
    } catch {
        copyFileSync(path, join(folder, basename(path)));
    }
}
