//! The service's own process, under the names that all Prometheus clients use.

use std::fs;

use super::exposition::Exposition;

/// What the kernel tells of this process; what it does not tell is left out.
pub fn write(out: &mut Exposition) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: the third field and those after it.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    if let (Some(user), Some(system)) = (field(14), field(15)) {
        let help = "Processor time of the service itself, without its workers.";
        out.counter("process_cpu_seconds_total", help).value((user + system) / ticks);
    }
    if let Some(threads) = field(20) {
        out.gauge("process_threads", "Threads of the service.").value(threads);
    }
    if let (Some(after_boot), Some(boot)) = (field(22), boot_time()) {
        let help = "When the service started, in seconds since 1970.";
        out.gauge("process_start_time_seconds", help).value(boot + after_boot / ticks);
    }
    if let Some(bytes) = field(23) {
        out.gauge("process_virtual_memory_bytes", "Address space of the service.").value(bytes);
    }
    if let Some(pages) = field(24) {
        let bytes = pages * rustix::param::page_size() as f64;
        let help = "Memory of the service itself, without its workers.";
        out.gauge("process_resident_memory_bytes", help).value(bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them reads the folder.
        let open = open.count().saturating_sub(1) as f64;
        out.gauge("process_open_fds", "Open descriptors of the service.").value(open);
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        out.gauge("process_max_fds", "Descriptors that may be open.").value(most as f64);
    }
}

/// Seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}
