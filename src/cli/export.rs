//! `millrace export FILE`: the same pipelines without a server, into files.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::local::{self, LocalFile, Trouble};
use super::say::say;
use crate::encoder::spec;
use crate::isobmff::{SampleEntry, init_segment, movie_header, set_track};
use crate::manifest::{CopySelection, dash, hls};
use crate::pipeline::Resolved;
use crate::rendition::{Presentation, Rendition};
use crate::worker::WorkerPool;
use crate::worker::protocol::{Report, Request};

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["hls", "dash", "mp4"])))]
pub struct Export {
    /// The file to export.
    file: PathBuf,
    /// Write playlists and segments into this folder, as the service serves them below `hls/` and `media/`.
    #[arg(long, value_name = "DIR")]
    hls: Option<PathBuf>,
    /// Write a manifest and segments into this folder, as the service serves them below `dash/` and `media/`.
    #[arg(long, value_name = "DIR")]
    dash: Option<PathBuf>,
    /// Write one fragmented MP4.
    #[arg(long, value_name = "OUT")]
    mp4: Option<PathBuf>,
    /// Only these renditions, by the names that `millrace probe` prints (`vcopy`, `v720`, `a0aac`).
    #[arg(long, value_name = "NAME")]
    rendition: Vec<String>,
}

/// Where a file without a catalogue lies in the exported tree.
const NAME: &str = "film";

pub async fn run(arguments: Export) -> Result<ExitCode, Trouble> {
    let (pool, examined) = local::examined().await?;
    let profiles = examined.working;
    let local = local::probe(&pool, &arguments.file).await?;
    let mut presentation = local::plan(&local, &profiles)?;
    select(&mut presentation, &arguments)?;
    if let Some(out) = &arguments.mp4 {
        one_file(&pool, &local, &presentation, &profiles, out).await?;
    }
    if let Some(folder) = arguments.hls.as_ref().or(arguments.dash.as_ref()) {
        let renditions: Vec<Arc<Rendition>> = presentation.renditions().cloned().collect();
        for rendition in renditions {
            let place = folder.join("media").join(NAME).join(&*rendition.id.0);
            std::fs::create_dir_all(&place)?;
            segments(&pool, &local, &rendition, &profiles, &place).await?;
        }
    }
    if let Some(folder) = &arguments.hls {
        let place = folder.join("hls").join(NAME);
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join("index.m3u8"), hls::multivariant(&presentation, NAME, CopySelection::All))?;
        say!("{}", place.join("index.m3u8").display());
    }
    if let Some(folder) = &arguments.dash {
        let place = folder.join("dash").join(NAME);
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join("manifest.mpd"), dash::mpd(&presentation, NAME, CopySelection::All))?;
        say!("{}", place.join("manifest.mpd").display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps what was asked for; without a wish, the first video (the copy, where there is one) and every sound.
fn select(presentation: &mut Presentation, arguments: &Export) -> Result<(), Trouble> {
    let names: Vec<String> =
        presentation.renditions().map(|rendition| rendition.id.kind().to_owned()).collect();
    if let Some(unknown) = arguments.rendition.iter().find(|wanted| !names.contains(wanted)) {
        return Err(Trouble(format!("no rendition `{unknown}`; there are {}", names.join(", "))));
    }
    let wanted =
        |rendition: &Arc<Rendition>| arguments.rendition.iter().any(|name| rendition.id.kind() == name);
    if arguments.rendition.is_empty() {
        presentation.video.truncate(1);
    } else {
        presentation.video.retain(wanted);
        presentation.audio.retain(wanted);
        let burnt = presentation.burnt.iter().flat_map(|burnt| &burnt.rungs);
        presentation.video.extend(burnt.filter(|rendition| wanted(rendition)).cloned());
    }
    presentation.burnt.clear();
    if arguments.mp4.is_some() {
        let mut tracks = std::collections::BTreeSet::new();
        presentation.audio.retain(|rendition| tracks.insert(rendition.track));
        presentation.video.truncate(1);
    }
    Ok(())
}

/// What a head makes, fragment by fragment; the sample entry where the head gives one.
struct Made {
    pool: WorkerPool,
    entry: Option<SampleEntry>,
    worker: crate::worker::Worker,
    label: String,
    count: u32,
}

impl Made {
    async fn start(
        pool: &WorkerPool,
        local: &LocalFile,
        rendition: &Rendition,
        profiles: &[Resolved],
    ) -> Result<Self, Trouble> {
        let count = rendition.cuts.segment_count();
        let way = spec::ways(&local.info, rendition, profiles).into_iter().next();
        let stretch = spec::Stretch::whole(rendition);
        let planned = way.and_then(|way| {
            Some((spec::head_spec(&local.info, rendition, &way, stretch)?, way.profile().to_owned()))
        });
        let (spec, profile) =
            planned.ok_or_else(|| Trouble(format!("no profile can make {}", rendition.id)))?;
        let mut worker = pool.take().await.map_err(|error| Trouble(error.to_string()))?;
        let request = Request::Head(Box::new(spec));
        worker.send(&request, Some(&local.file)).await.map_err(|error| Trouble(error.to_string()))?;
        let label = format!("{} ({profile})", rendition.id.kind());
        let entry = spec::known_entry(&local.info, rendition);
        Ok(Self { pool: pool.clone(), entry, worker, label, count })
    }

    /// The next fragment; `None` at the end.
    async fn next(&mut self) -> Result<Option<crate::isobmff::Fragment>, Trouble> {
        loop {
            match self.worker.next().await.map_err(|error| Trouble(format!("{}: {error}", self.label)))? {
                Report::Fragment(fragment) => {
                    if fragment.last {
                        progress(&self.label, fragment.segment.0 + 1, self.count);
                    }
                    return Ok(Some(fragment));
                }
                Report::Entry { entry } => self.entry = Some(entry),
                Report::End { early } => {
                    self.pool.close();
                    if early {
                        eprintln!("{}: the source ended before its index says", self.label);
                    }
                    return Ok(None);
                }
                other => return Err(Trouble(format!("{}: {other:?}", self.label))),
            }
        }
    }
}

fn progress(label: &str, done: u32, count: u32) {
    const WIDTH: u32 = 40;
    let mut out = std::io::stderr();
    let line = if out.is_terminal() {
        let filled = (done * WIDTH / count.max(1)) as usize;
        let end = if done == count { "\n" } else { "" };
        format!(
            "\r{label:24} [{}{}] {done}/{count}{end}",
            "#".repeat(filled),
            ".".repeat(WIDTH as usize - filled)
        )
    } else if done == count {
        format!("{label}: {count} segments\n")
    } else {
        return;
    };
    let _closed = out.write_all(line.as_bytes());
}

async fn segments(
    pool: &WorkerPool,
    local: &LocalFile,
    rendition: &Rendition,
    profiles: &[Resolved],
    place: &Path,
) -> Result<(), Trouble> {
    let mut made = Made::start(pool, local, rendition, profiles).await?;
    let mut bytes = Vec::new();
    while let Some(fragment) = made.next().await? {
        bytes.extend(fragment.bytes);
        if fragment.last {
            std::fs::write(place.join(format!("{}.m4s", fragment.segment.0)), &bytes)?;
            bytes.clear();
        }
    }
    let entry = made.entry.ok_or_else(|| Trouble(format!("{} has no init segment", rendition.id)))?;
    std::fs::write(place.join("init.mp4"), init_segment(&entry, rendition.cuts.timescale))?;
    std::fs::write(place.join("index.m3u8"), hls::media_playlist(rendition))?;
    Ok(())
}

/// One fragmented movie: the tracks' segments interleaved, in step.
async fn one_file(
    pool: &WorkerPool,
    local: &LocalFile,
    presentation: &Presentation,
    profiles: &[Resolved],
    out: &Path,
) -> Result<(), Trouble> {
    let mut tracks = Vec::new();
    for rendition in presentation.renditions() {
        let mut made = Made::start(pool, local, rendition, profiles).await?;
        let first = made.next().await?;
        let entry =
            made.entry.clone().ok_or_else(|| Trouble(format!("{} has no init segment", rendition.id)))?;
        tracks.push((made, first, entry, rendition.cuts.timescale));
    }
    let header: Vec<(&SampleEntry, u32)> =
        tracks.iter().map(|(_, _, entry, scale)| (entry, *scale)).collect();
    let beside = out.with_extension("part");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&beside)?);
    file.write_all(&movie_header(&header))?;
    loop {
        // The track whose next fragment starts first goes on.
        let next = tracks
            .iter()
            .enumerate()
            .filter_map(|(n, (_, fragment, _, scale))| {
                Some((crate::timeline::nanos_from_ticks(fragment.as_ref()?.start, *scale), n))
            })
            .min();
        let Some((_, n)) = next else {
            break;
        };
        let (made, fragment, _, _) = &mut tracks[n];
        if let Some(mut fragment) = fragment.take() {
            set_track(&mut fragment.bytes, n as u32 + 1);
            file.write_all(&fragment.bytes)?;
        }
        *fragment = made.next().await?;
    }
    file.into_inner().map_err(|error| Trouble(error.to_string()))?.sync_all()?;
    std::fs::rename(&beside, out)?;
    say!("{}", out.display());
    Ok(())
}
