// Memory over time, and starting with much in the store.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Service, residentMegabytes, sleep } from "./service.mjs";
import { repeat, row } from "./table.mjs";

// The heads' idle timeout, and the seconds for which segments stay in memory, with some room.
const IDLE_SECONDS = 60 + 10 + 15;

export async function memory({ service, idle, spare, films }) {
    row("Memory: service idle, library scanned", { ours: [idle], unit: "MB", target: { limit: 40 } });
    const film = films.long;
    const viewers = ["vcopy", "v1080"].map((kind) => service.play(film, kind));
    await Promise.all(viewers.map((viewer) => viewer.filled));
    row("Memory: service while two viewers play", { ours: [residentMegabytes(service.pid)], unit: "MB" });
    for (const viewer of viewers) await viewer.stop();
    await sleep(IDLE_SECONDS * 1000);
    row("Memory: service idle again, a minute and a half after all that was measured before this line", {
        ours: [residentMegabytes(service.pid)], unit: "MB", target: { limit: 40 },
    });
    row("Memory: spare worker, of two", { ours: [spare], unit: "MB" });
}

const [FILES, RENDITIONS, SEGMENTS] = [100, 4, 250];

// 100,000 stored segments, small ones: their sizes are not looked at closely until they are read.
export async function restart({ binary, library }) {
    const folder = mkdtempSync(join(tmpdir(), "millrace-store-"));
    const started = async () => {
        const begin = performance.now();
        const service = await Service.start(binary, library, folder);
        const seconds = (performance.now() - begin) / 1000;
        const megabytes = residentMegabytes(service.pid);
        await service.stop();
        return { seconds, megabytes };
    };
    const empty = await repeat(started);
    for (let file = 0; file < FILES; file += 1) {
        for (let rendition = 0; rendition < RENDITIONS; rendition += 1) {
            const parts = [file.toString(16).padStart(20, "0"), `v720-${rendition.toString(16).padStart(12, "0")}`];
            const target = join(folder, "cache", "segments", ...parts);
            mkdirSync(target, { recursive: true });
            for (let segment = 0; segment < SEGMENTS; segment += 1) writeFileSync(join(target, `${segment}.m4s`), "x".repeat(100));
        }
    }
    const full = await repeat(started);
    rmSync(folder, { recursive: true });
    row("Start with 100,000 stored segments, beside an empty store", {
        ours: full.map((run) => run.seconds), rival: empty.map((run) => run.seconds),
    });
    row("Memory: service that has just started, with 100,000 stored segments, beside an empty store", {
        ours: full.map((run) => run.megabytes), rival: empty.map((run) => run.megabytes), unit: "MB", target: { limit: 40 },
    });
}
