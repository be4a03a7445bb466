// The service under test, as a client sees it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { request, Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const MOOF = Buffer.from("moof");
const SPARE_WORKERS = 2;
// What a player keeps ahead.
const BUFFER_SECONDS = 30;
// `getconf CLK_TCK` on Linux.
const TICKS_PER_SECOND = 100;

export class Service {
    // Over a folder of films: a fresh one, which knows nothing, or one with the state and cache of another.
    static async start(binary, library, folder) {
        const service = new Service();
        service.fresh = !folder;
        service.folder = folder ?? mkdtempSync(join(tmpdir(), "millrace-bench-"));
        service.agent = new Agent({ keepAlive: true });
        const folders = ["--state-dir", join(service.folder, "state"), "--cache-dir", join(service.folder, "cache")];
        service.child = spawn(binary, ["serve", "--library", library, "--listen", "127.0.0.1:0", ...folders], {
            stdio: ["ignore", "pipe", process.env.BENCH_LOG ? "inherit" : "ignore"],
        });
        service.ended = new Promise((resolve) => {
            service.child.once("exit", (code, signal) => {
                if (!service.stopping) console.error(`The service ended by itself: ${signal ?? code}; BENCH_LOG=1 shows its log`);
                resolve();
            });
        });
        for await (const line of createInterface({ input: service.child.stdout })) {
            const port = /:(\d+)\//.exec(line)?.[1];
            if (port) {
                service.port = Number(port);
                return service;
            }
        }
        throw new Error("the service did not start; BENCH_LOG=1 shows why");
    }

    async stop() {
        this.stopping = true;
        this.child.kill("SIGTERM");
        await this.ended;
        this.agent.destroy();
        if (this.fresh) rmSync(this.folder, { recursive: true, force: true });
    }

    get pid() {
        return this.child.pid;
    }

    open(method, path, body, agent = this.agent) {
        return new Promise((resolve, reject) => {
            const headers = body ? { "content-type": "application/json" } : {};
            const sent = request({ host: "127.0.0.1", port: this.port, method, path, headers, agent }, resolve);
            sent.once("error", reject);
            sent.end(body && JSON.stringify(body));
        });
    }

    async bytes(method, path, body) {
        const response = await this.open(method, path, body);
        const pieces = [];
        for await (const piece of response) pieces.push(piece);
        const whole = Buffer.concat(pieces);
        if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${whole}`);
        return whole;
    }

    // As a browser gets a text: seconds from the request to the last byte, and kilobytes of it.
    async compressed(path) {
        await this.bytes("GET", "/healthz");
        const headers = { "accept-encoding": "gzip" };
        const begin = performance.now();
        const response = await new Promise((resolve, reject) => {
            const sent = request({ host: "127.0.0.1", port: this.port, path, headers, agent: this.agent }, resolve);
            sent.once("error", reject);
            sent.end();
        });
        let length = 0;
        for await (const piece of response) length += piece.length;
        return { seconds: (performance.now() - begin) / 1000, kilobytes: length / 1000 };
    }

    // Reads it as a viewer would, and keeps nothing.
    async discard(path) {
        const response = await this.open("GET", path);
        if (response.statusCode >= 400) throw new Error(`GET ${path}: ${response.statusCode}`);
        response.resume();
        await once(response, "end");
    }

    async json(method, path, body) {
        return JSON.parse(await this.bytes(method, path, body));
    }

    // Waits until every film is looked into and the hardware is examined.
    async settled(films) {
        for (;;) {
            const { files } = await this.json("GET", "/api/files");
            const { state } = await this.json("GET", "/api/hardware");
            if (files.length >= films && state !== "examining") break;
            await sleep(50);
        }
        const { files } = await this.json("GET", "/api/files");
        for (const { id } of files) await this.json("GET", `/api/files/${id}`);
        await this.rest();
    }

    // The film of that name with the ids of its renditions by kind: vcopy, v1080.
    async film(name) {
        const { files } = await this.json("GET", "/api/files");
        const found = files.find((file) => file.name === name);
        const { renditions } = await this.json("GET", `/api/files/${found.id}`);
        return { id: found.id, renditions: Object.fromEntries(renditions.map((one) => [one.id.split("-")[0], one])) };
    }

    // Nothing is made, nothing is cached (what was still being written neither), the spare workers are back.
    async rest(...films) {
        for (let still = 0; still < 2; ) {
            let freed = 0;
            for (const { id } of films) {
                freed += (await this.json("POST", `/api/stream/${id}/stop`, { purge: true })).freed_bytes;
            }
            const { streams } = await this.json("GET", "/api/streams");
            const workers = Number(/^millrace_workers (\d+)/m.exec(await this.bytes("GET", "/metrics"))[1]);
            still = freed === 0 && streams.length === 0 && workers === SPARE_WORKERS ? still + 1 : 0;
            await sleep(200);
        }
    }

    // Nothing is made; what was made stays.
    async halt(film) {
        do {
            await this.json("POST", `/api/stream/${film.id}/stop`, {});
            await sleep(100);
        } while ((await this.json("GET", "/api/streams")).streams.length > 0);
    }

    segmentPath(film, kind, segment) {
        return `/media/${film.id}/${film.renditions[kind].id}/${segment}.m4s`;
    }

    // Seconds from the request to the first byte of the first fragment. The rest is not read.
    async firstFragment(path) {
        await this.bytes("GET", "/healthz");
        const begin = performance.now();
        const response = await this.open("GET", path);
        let seen = Buffer.alloc(0);
        for await (const piece of response) {
            seen = Buffer.concat([seen, piece]);
            if (seen.includes(MOOF)) {
                const seconds = (performance.now() - begin) / 1000;
                response.destroy();
                return seconds;
            }
        }
        throw new Error(`${path}: ${response.statusCode} ${seen.subarray(0, 300)}`);
    }

    // A viewer who reads segments from the start as fast as they come, until stopped.
    watch(film, kind) {
        const agent = new Agent({ keepAlive: true });
        const viewer = { segments: 0, stopped: false };
        const finished = (async () => {
            for (let segment = 0; !viewer.stopped; segment += 1) {
                const response = await this.open("GET", this.segmentPath(film, kind, segment), undefined, agent);
                for await (const piece of response) if (viewer.stopped || !piece) break;
                viewer.segments = segment + 1;
            }
        })().catch(() => {});
        viewer.stop = async () => {
            viewer.stopped = true;
            agent.destroy();
            await finished;
        };
        return viewer;
    }

    // A viewer with a player's buffer: reads ahead until it is full, then as fast as the film plays. `filled` is when
    // it is full for the first time.
    play(film, kind) {
        const agent = new Agent({ keepAlive: true });
        const viewer = { stopped: false };
        const seconds = this.segmentSeconds(film, kind);
        let full;
        viewer.filled = new Promise((resolve) => (full = resolve));
        const finished = (async () => {
            let begin;
            for (let segment = 0; !viewer.stopped && segment < film.renditions[kind].segments; segment += 1) {
                const response = await this.open("GET", this.segmentPath(film, kind, segment), undefined, agent);
                response.resume();
                await once(response, "end");
                begin ??= performance.now();
                const ahead = () => (segment + 1) * seconds - (performance.now() - begin) / 1000;
                while (!viewer.stopped && ahead() > BUFFER_SECONDS) {
                    full();
                    await sleep(20);
                }
            }
            full();
        })().catch(full);
        viewer.stop = async () => {
            viewer.stopped = true;
            agent.destroy();
            await finished;
        };
        return viewer;
    }

    segmentSeconds(film, kind) {
        const { segments, cut_list: cuts } = film.renditions[kind];
        return cuts.duration_s / segments;
    }

    // CPU time of the workers, of those too that have ended.
    workerSeconds() {
        const living = this.workers().map(cpuTicks).reduce((sum, { own, reaped }) => sum + own + reaped, 0);
        return (cpuTicks(this.pid).reaped + living) / TICKS_PER_SECOND;
    }

    workers() {
        const children = (task) => {
            try {
                return readFileSync(`/proc/${this.pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number);
            } catch {
                // The thread has ended meanwhile, and had none.
                return [];
            }
        };
        return readdirSync(`/proc/${this.pid}/task`).flatMap(children);
    }
}

// Of a process: its own, and that of the children it has reaped.
function cpuTicks(pid) {
    try {
        const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").map(Number);
        return { own: fields[11] + fields[12], reaped: fields[13] + fields[14] };
    } catch {
        return { own: 0, reaped: 0 };
    }
}

export function residentMegabytes(pid) {
    try {
        return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
    } catch {
        return 0;
    }
}
